import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { staff } from "../admin/Staff.ts"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff, enterCredentials, withConsole } from "./ConsolePage.ts"

describe.skipIf(missingBrowser !== "")(`signing in to the console${missingBrowser}`, { timeout: 120_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    it.effect("leads back to the page and the search that the link was for", () =>
      asStaff("viewer", "/?state=active#ada%40example.com", async (page, { email }) => {
        assert.strictEqual(new URL(page.url()).pathname.replace(/\/$/, ""), "/admin")
        assert.strictEqual(new URL(page.url()).search, "?state=active")
        assert.strictEqual(new URL(page.url()).hash, "#ada%40example.com")
        await page.getByText(email).first().waitFor()
        await page.getByText("viewer", { exact: true }).first().waitFor()
      })
    )

    it.effect("loads at most 250 KB up to the search of users", () =>
      asStaff("viewer", "/", async (page) => {
        await page.getByRole("heading", { name: "Users" }).waitFor()
        const loaded = await page.evaluate<number>(
          "performance.getEntries().reduce((sum, { encodedBodySize = 0 }) => sum + encodedBodySize, 0)"
        )
        assert.isAbove(loaded, 100 * 1024)
        assert.isAtMost(loaded, 250 * 1024)
      })
    )

    it.effect("never leads to another site", () =>
      Effect.gen(function* () {
        const member = yield* staff("viewer")
        for (const to of ["//evil.example/", "https://evil.example/", "/\\evil.example"]) {
          yield* withConsole({}, async (page) => {
            await page.goto(`/admin/sign-in?to=${encodeURIComponent(to)}`)
            await enterCredentials(page, member)
            await page.getByRole("button", { name: "Sign out" }).waitFor()
            assert.strictEqual(new URL(page.url()).hostname, "localhost")
          })
        }
      })
    )

    it.effect("names missing fields, and refuses a wrong password and users without a role in the same words", () =>
      Effect.gen(function* () {
        const user = yield* (yield* TestApi).person()
        const member = yield* staff("admin")
        yield* withConsole({ expectedTroubles: /^(?:401|422) for/ }, async (page) => {
          await page.goto("/admin/")
          await page.getByRole("button", { name: "Sign in" }).click()
          await page.locator(".field-error").first().waitFor()
          for (const credentials of [user, { ...member, password: "wrong" }]) {
            await page.reload()
            await enterCredentials(page, credentials)
            const alert = page.getByRole("alert")
            assert.strictEqual(
              await alert.innerText(),
              "The e-mail address or the password is wrong, or this account has no role."
            )
          }
          await assertPresentable(page, "sign-in-refused")
        })
      })
    )

    it.effect("ends by signing out, and the link asks to sign in again", () =>
      asStaff("viewer", "/", async (page) => {
        await page.getByRole("button", { name: "Sign out" }).click()
        await page.getByRole("heading", { name: "Sign in to the console" }).waitFor()
        await page.goto("/admin/")
        await page.getByRole("heading", { name: "Sign in to the console" }).waitFor()
      })
    )

    it.effect("can be done by keyboard alone", () =>
      Effect.gen(function* () {
        const { email, password } = yield* staff("viewer")
        yield* withConsole({}, async (page) => {
          await page.goto("/admin/")
          await page.getByLabel("E-mail address").waitFor()
          await page.keyboard.type(email)
          await page.keyboard.press("Tab")
          await page.keyboard.type(password)
          await page.keyboard.press("Enter")
          await page.getByRole("button", { name: "Sign out" }).waitFor()
        })
      })
    )

    it.effect("stores no secret where scripts can read it", () =>
      asStaff("admin", "/", async (page, { email, password }) => {
        await page.getByRole("button", { name: "Colours: System" }).click()
        const stored = await page.evaluate<string>(
          "JSON.stringify([localStorage, sessionStorage, document.cookie, Object.keys(localStorage)])"
        )
        for (const secret of [email, password, "__Host-console", "eyJ"]) assert.notInclude(stored, secret)
        assert.include(stored, "console-theme")
      })
    )

    it.effect("is refused in a frame", () =>
      withConsole({ expectedTroubles: /frame-ancestors 'none'|X-Frame-Options/ }, async (page) => {
        await page.goto("/health/live")
        const origin = new URL(page.url()).origin
        await page.goto("about:blank")
        await page.setContent(`<iframe src="${origin}/admin/"></iframe>`)
        const [, frame] = page.frames()
        await frame?.waitForURL("chrome-error://chromewebdata/")
        assert.strictEqual(await frame?.locator("#root").count(), 0)
      })
    )

    it.effect("the colours follow the system, or the choice, which stays", () =>
      withConsole({}, async (page) => {
        const background = () => page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor")
        await page.emulateMedia({ colorScheme: "dark" })
        await page.goto("/admin/sign-in")
        await page.getByLabel("E-mail address").waitFor()
        const dark = await background()
        await page.emulateMedia({ colorScheme: "light" })
        const light = await background()
        assert.notStrictEqual(light, dark)
        await page.getByRole("button", { name: "Colours: System" }).click()
        await page.emulateMedia({ colorScheme: "dark" })
        assert.strictEqual(await background(), light)
        await page.getByRole("button", { name: "Colours: Light" }).click()
        await page.emulateMedia({ colorScheme: "light" })
        await page.reload()
        await page.getByRole("button", { name: "Colours: Dark" }).waitFor()
        assert.strictEqual(await background(), dark)
      })
    )

    it.effect("an unknown link shows the page for unknown links", () =>
      asStaff("viewer", "/no/such/page", async (page) => {
        await page.getByRole("heading", { name: "Nothing here" }).waitFor()
        await assertPresentable(page, "not-found")
        await page.locator("main").getByRole("link", { name: "Users" }).click()
        await page.getByRole("heading", { name: "Users" }).waitFor()
      })
    )

    it.effect("a role that is taken away while a page is open asks to sign in again, and says why", () =>
      Effect.gen(function* () {
        const { sql } = yield* TestApi
        yield* asStaff(
          "viewer",
          "/operations",
          async (page, { id }) => {
            for (const open of [
              () => page.getByRole("link", { name: "Audit log" }).click(),
              () => page.goto("/admin/staff?role=admin")
            ]) {
              await page.getByRole("heading", { name: "Operations" }).waitFor()
              await Effect.runPromise(sql`update users set role = null where id = ${id}`)
              await open()
              await page.getByText("Your account has no role any more.").waitFor()
              await assertPresentable(page, "sign-in-no-role")
              await Effect.runPromise(sql`update users set role = 'viewer' where id = ${id}`)
              await page.goto("/admin/operations")
            }
          },
          { expectedTroubles: /^(?:401|404) for/ }
        )
      })
    )

    it.effect("a session that has ended asks to sign in again, and then shows the same page", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        yield* asStaff("viewer", "/?state=disabled", async (page, member) => {
          await Effect.runPromise(send("POST", "/api/v1/users/logout-all/", { token: member.access }))
          await page.reload()
          await page.getByRole("heading", { name: "Sign in to the console" }).waitFor()
          await enterCredentials(page, member)
          await page.getByRole("button", { name: "Sign out" }).waitFor()
          assert.strictEqual(new URL(page.url()).searchParams.get("state"), "disabled")
        })
      })
    )
  })

  it.layer(Layer.merge(layerEmbedded({ RATE_LIMIT_LOGIN_ACCOUNT: "2/1h" }), Chromium.layer), {
    excludeTestServices: true
  })((it) => {
    it.effect("shows the time to wait after too many attempts", () =>
      Effect.gen(function* () {
        const member = yield* staff("viewer")
        yield* withConsole({ expectedTroubles: /^(?:401|429) for/ }, async (page) => {
          await page.goto("/admin/")
          for (let attempt = 0; attempt < 3; attempt += 1) {
            await enterCredentials(page, { ...member, password: "wrong" })
            await page.getByRole("alert").waitFor()
          }
          await page.getByText(/Too many requests\. Try again in \d+ (?:seconds|minutes)\./).waitFor()
        })
      })
    )
  })
})

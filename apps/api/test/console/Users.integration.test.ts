import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import type { Page } from "playwright-core"
import { inject } from "vitest"
import { staff } from "../admin/Staff.ts"
import { Chromium, missingBrowser } from "../Chromium.ts"
import { type Answer, freshEmail, layerEmbedded, layerReal, type RequestInput, TestApi } from "../TestApi.ts"
import { assertPresentable, asStaff, canary, enterCredentials } from "./ConsolePage.ts"
import { withLockedTable } from "./LockedTable.ts"

/** A user with something in each section, and markup in each text that users choose. */
const fullUser = Effect.gen(function* () {
  const { login, person, send, sql } = yield* TestApi
  const user = yield* person({
    first_name: "Ada",
    last_name: `Lovelace ${canary}`,
    phone_number: "+44 20 7946 0000"
  })
  yield* login(user, `Phone ${canary}`)
  yield* send("POST", "/api/v1/users/push-tokens/", {
    token: user.access,
    body: { token: `token-${randomUUID()}`, platform: "android", device_id: canary, device_name: `Pixel ${canary}` }
  })
  yield* send("PATCH", "/api/v1/users/preferences/", {
    token: user.access,
    body: { email_marketing: false, do_not_disturb_start: "22:00:00", do_not_disturb_end: "07:00:00" }
  })
  yield* send("PATCH", "/api/v1/users/profile/", {
    token: user.access,
    body: { profile: { timezone: "Africa/Lagos" } }
  })
  yield* Effect.orDie(sql`
    insert into suppressions (user_id, email, reason, created_at)
    values (${user.id}, ${user.email}, 'hard_bounce', now())`)
  yield* Effect.orDie(
    sql`insert into deliveries ${sql.insert({
      id: randomUUID(),
      notification_id: `${canary}${randomUUID()}`,
      place: 0,
      user_id: user.id,
      channel: "email",
      category: "system",
      status: "bounced",
      error: `550 ${canary}`,
      created_at: new Date("2026-11-24T10:02:00Z"),
      updated_at: new Date("2026-11-24T10:02:03Z")
    })}`
  )
  return user
})

const dialogOf = (page: Page) => page.getByRole("dialog")

/** Opens an act, gives a reason, and does it. */
const perform = async (page: Page, link: string, button = link, values: Readonly<Record<string, string>> = {}) => {
  await page.getByRole("link", { name: link, exact: true }).click()
  const dialog = dialogOf(page)
  await dialog.waitFor()
  for (const [label, value] of Object.entries(values)) await dialog.getByLabel(label).fill(value)
  await dialog.getByLabel("Reason").fill("Ticket 4711")
  await dialog.getByRole("button", { name: button }).click()
  await dialog.waitFor({ state: "detached" })
}

describe.skipIf(missingBrowser !== "")(`users in the console${missingBrowser}`, { timeout: 120_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    /** The latest entry of the audit log on a user. */
    const latestEntry = (id: string) =>
      Effect.flatMap(TestApi, ({ sql }) =>
        Effect.orDie(
          Effect.map(
            sql<Record<string, unknown>>`
              select action, actor_id, details->>'reason' as reason from audit_log
              where user_id = ${id} order by id desc limit 1`,
            ([row]) => row
          )
        )
      )

    /** What a test does in the browser, with the answers of the API. */
    const inBrowser = (
      role: "viewer" | "support" | "admin",
      use: (context: {
        readonly page: Page
        readonly user: Effect.Success<typeof fullUser>
        readonly memberId: string
        readonly send: (method: string, path: string, sent?: RequestInput) => Promise<Answer>
        readonly entry: () => Promise<Record<string, unknown> | undefined>
      }) => Promise<void>,
      expectedTroubles?: RegExp
    ) =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const user = yield* fullUser
        yield* asStaff(
          role,
          `/users/${user.id}`,
          async (page, member) => {
            await page.getByRole("heading", { name: "Sessions" }).waitFor()
            await use({
              page,
              user,
              memberId: member.id,
              send: (method, path, sent) => Effect.runPromise(api.send(method, path, sent)),
              entry: () => Effect.runPromise(Effect.provideService(latestEntry(user.id), TestApi, api))
            })
          },
          expectedTroubles === undefined ? {} : { expectedTroubles }
        )
      })

    it.effect("viewers see the whole record of a user without acts, and markup in texts stays text", () =>
      inBrowser("viewer", async ({ page, user }) => {
        const text = await page.locator("main").innerText()
        for (const shown of [
          user.email,
          user.id,
          `Ada Lovelace ${canary}`,
          "+44 20 7946 0000",
          `Phone ${canary}`,
          `Pixel ${canary}`,
          `550 ${canary}`,
          "hard bounce",
          "22:00 (Africa/Lagos)",
          "bounced",
          "suppressed",
          "0 of 100",
          "of 50",
          "push_token.registered"
        ]) {
          assert.include(text, shown)
        }
        const marketing = page.getByRole("row", { name: /E-mail: marketing/ })
        assert.match(await marketing.innerText(), /off\s+user, /)
        assert.match(await page.getByRole("row", { name: /Push: security/ }).innerText(), /on\s+default/)
        assert.strictEqual(await page.locator("main img").count(), 0)
        assert.strictEqual(
          await page.getByRole("link", { name: /End|Disable|Erase|Edit|Delete|Turn|Send|Lift|Change/ }).count(),
          0
        )
        await assertPresentable(page, "user-viewer")
        await page.getByRole("link", { name: "All entries" }).click()
        await page.getByRole("heading", { name: "Audit log" }).waitFor()
        assert.strictEqual(new URL(page.url()).search, `?user_id=${user.id}`)
      })
    )

    it.effect("the link to an act shows a page about roles if the role is too low", () =>
      inBrowser("viewer", async ({ page, user }) => {
        await page.goto(`/admin/users/${user.id}?act=disable`)
        await page.getByRole("heading", { name: "Your role does not allow this" }).waitFor()
        await assertPresentable(page, "forbidden")
        await page.goto(`/admin/users/${user.id}?act=constructor`)
        await page.getByRole("heading", { name: "Sessions" }).waitFor()
      })
    )

    it.effect("the link to an act that nobody does to their own account says so, also to admins", () =>
      asStaff("admin", "/", async (page, { id }) => {
        const links = ["role", "disable", "enable", "erase"].map((act) => `/admin/users/${id}?act=${act}`)
        for (const link of [...links, `/admin/staff?act=role&target=${id}`]) {
          await page.goto(link)
          await page.getByRole("heading", { name: "Not on your own account" }).waitFor()
          assert.strictEqual(await dialogOf(page).count(), 0)
        }
        await assertPresentable(page, "own-account")
        await page.goto(`/admin/users/${id}?act=edit`)
        await dialogOf(page).waitFor()
      })
    )

    it.effect("support changes names and settings, and sends mails, each with a reason in the audit log", () =>
      inBrowser("support", async ({ entry, memberId, page, send, user }) => {
        await assertPresentable(page, "user-support")
        await perform(page, "Edit name and phone", "Edit name and phone", {
          "First name": "Augusta",
          "Phone number": ""
        })
        await page.getByText("The name and the phone number are saved.").waitFor()
        await page.getByRole("heading", { name: /^Augusta Lovelace/ }).waitFor()
        assert.deepInclude(await entry(), { actor_id: memberId, reason: "Ticket 4711" })
        await perform(page, "Turn on: E-mail: marketing", "Change setting")
        await page.getByText('"E-mail: marketing" is on.').waitFor()
        assert.match(await page.getByRole("row", { name: /E-mail: marketing/ }).innerText(), /on\s+admin/)
        const profile = await send("GET", "/api/v1/users/profile/", { token: user.access })
        assert.strictEqual(profile.body.data.profile.first_name, "Augusta")
        assert.isTrue(profile.body.data.notification_preferences.email_marketing)
        await perform(page, "Change e-mail address", "Change e-mail address", { "New e-mail address": freshEmail() })
        await page.getByText("The new address has to confirm the change.").waitFor()
        await perform(page, "Send password reset")
        await page.getByText("The mail with the link is on its way.").waitFor()
        await perform(page, "Send verification")
        await perform(page, "Lift suppressions")
        await page.getByText("No address of this user is suppressed.").waitFor()
        assert.strictEqual(await page.getByRole("link", { name: "Erase" }).count(), 0)
      })
    )

    it.effect("support ends sessions, deletes a device, and disables and enables the user", () =>
      inBrowser("support", async ({ entry, page, send, user }) => {
        await perform(page, `End: Phone ${canary}`, "End session")
        await page.getByText("The session has ended.").waitFor()
        await perform(page, `Delete: Pixel ${canary}`, "Delete device")
        await page.getByText("No app of this user is registered for push notifications.").waitFor()
        await perform(page, "End all sessions")
        await page.getByText("This user is not logged in anywhere.").waitFor()
        assert.strictEqual((await send("GET", "/api/v1/users/profile/", { token: user.access })).status, 401)
        await page.getByRole("link", { name: "Disable" }).click()
        await dialogOf(page).waitFor()
        await assertPresentable(page, "user-disable")
        await page.keyboard.press("Escape")
        await dialogOf(page).waitFor({ state: "detached" })
        await perform(page, "Disable")
        await page.getByText("disabled", { exact: true }).waitFor()
        assert.deepInclude(await entry(), { reason: "Ticket 4711" })
        await perform(page, "Enable")
        await page.getByText("active", { exact: true }).waitFor()
      })
    )

    it.effect("support changes the quiet hours and the daily limit, and the fields say what is wrong with them", () =>
      inBrowser(
        "support",
        async ({ entry, memberId, page, send, user }) => {
          const preferences = async () =>
            (await send("GET", "/api/v1/users/preferences/", { token: user.access })).body.data
          await page.getByRole("link", { name: "Change: Quiet hours from" }).click()
          const dialog = dialogOf(page)
          await dialog.getByText("The user's clock counts: Africa/Lagos.").waitFor()
          assert.strictEqual(await dialog.getByLabel("From").inputValue(), "22:00")
          await dialog.getByLabel("Until").fill("")
          await dialog.getByLabel("Reason").fill("Ticket 4711")
          await dialog.getByRole("button", { name: "Change quiet hours" }).click()
          await dialog.locator(".field-error").waitFor()
          assert.strictEqual(await dialog.locator(".field-error").innerText(), "Required when a start is set.")
          await assertPresentable(page, "user-quiet-hours")
          await dialog.getByLabel("From").fill("23:30")
          await dialog.getByLabel("Until").fill("06:15")
          await page.keyboard.press("Enter")
          await page.getByText("The quiet hours are from 23:30 to 06:15 (Africa/Lagos).").waitFor()
          const row = page.getByRole("row", { name: /Quiet hours until/ })
          assert.match(await row.innerText(), /06:15 \(Africa\/Lagos\)\s+admin/)
          assert.deepInclude(await entry(), { actor_id: memberId, reason: "Ticket 4711" })
          assert.deepInclude(await preferences(), {
            do_not_disturb_start: "23:30:00",
            do_not_disturb_end: "06:15:00"
          })
          await perform(page, "Change: Quiet hours until", "Change quiet hours", { From: "", Until: "" })
          await page.getByText("The user has no quiet hours.").waitFor()
          assert.deepInclude(await preferences(), { do_not_disturb_start: null, do_not_disturb_end: null })

          await page.getByRole("link", { name: "Change: Daily limit" }).click()
          assert.strictEqual(await dialog.getByLabel("Notifications a day").inputValue(), "50")
          await dialog.getByLabel("Notifications a day").fill("10001")
          await dialog.getByLabel("Reason").fill("Ticket 4711")
          await dialog.getByRole("button", { name: "Change daily limit" }).click()
          await dialog.getByText("Ensure this value is between 0 and 10000.").waitFor()
          await dialog.getByLabel("Notifications a day").fill("1.5")
          await dialog.getByRole("button", { name: "Change daily limit" }).click()
          await dialog.getByText("A valid integer is required.").waitFor()
          await dialog.getByLabel("Notifications a day").fill("")
          await dialog.getByRole("button", { name: "Change daily limit" }).click()
          await page.waitForFunction("document.querySelector('dialog [data-invalid]') !== null")
          assert.strictEqual((await preferences()).frequency_limit, 50)
          await dialog.getByLabel("Notifications a day").fill("0")
          await dialog.getByRole("button", { name: "Change daily limit" }).click()
          await page.getByText("The daily limit is 0.").waitFor()
          assert.strictEqual((await preferences()).frequency_limit, 0)
          assert.match(await page.getByRole("row", { name: /Daily limit/ }).innerText(), /0\s+admin/)
        },
        /^(?:401|422) for/
      )
    )

    it.effect("acts require a reason, and an invalid one has an error at its field", () =>
      inBrowser("support", async ({ page, user }) => {
        await page.goto(`/admin/users/${user.id}?act=disable`)
        const dialog = dialogOf(page)
        await dialog.getByLabel("Reason").fill("x")
        await dialog.getByRole("button", { name: "Disable" }).click()
        await dialog.getByText("Enter a reason of 3 to 500 characters.").waitFor()
        await dialog.getByRole("button", { name: "Cancel" }).click()
        await dialog.waitFor({ state: "detached" })
        await page.waitForURL(({ search }) => search === "")
      })
    )

    it.effect("admins erase a user by the address of the user", () =>
      inBrowser(
        "admin",
        async ({ page, send, user }) => {
          await page.getByRole("link", { name: "Erase" }).click()
          const dialog = dialogOf(page)
          await dialog.getByLabel("Reason").fill("Ticket 4711")
          await dialog.getByLabel("E-mail address of the user").fill("other@example.com")
          await dialog.getByRole("button", { name: "Erase" }).click()
          await dialog.locator(".field-error").waitFor()
          await dialog.getByLabel("E-mail address of the user").fill(user.email)
          await dialog.getByRole("button", { name: "Erase" }).click()
          await page.getByText("The user is erased.").waitFor()
          assert.strictEqual((await send("GET", "/api/v1/users/profile/", { token: user.access })).status, 401)
          await page.goto(`/admin/users/${user.id}`)
          await page.getByRole("heading", { name: "Nothing here" }).waitFor()
        },
        /^(?:401|404|422) for/
      )
    )

    it.effect(
      "support sees no act on a member of staff, and an admin no act that disables or erases their own account",
      () =>
        Effect.gen(function* () {
          const member = yield* staff("viewer")
          yield* asStaff("support", `/users/${member.id}`, async (page) => {
            await page.getByRole("heading", { name: "Sessions" }).waitFor()
            assert.strictEqual(await page.getByRole("link", { name: /Disable|End|Edit/ }).count(), 0)
          })
          yield* asStaff("admin", "/", async (page, { id }) => {
            await page.goto(`/admin/users/${id}`)
            await page.getByRole("link", { name: "Edit name and phone" }).waitFor()
            assert.strictEqual(await page.getByRole("link", { name: /Disable|Erase/ }).count(), 0)
          })
        })
    )

    it.effect("a session that ends while a user is shown leads to signing in, and back to the user", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const user = yield* (yield* TestApi).person()
        yield* asStaff(
          "support",
          `/users/${user.id}`,
          async (page, member) => {
            await page.getByRole("link", { name: "Disable" }).waitFor()
            await Effect.runPromise(send("POST", "/api/v1/users/logout-all/", { token: member.access }))
            await page.getByRole("link", { name: "Disable" }).click()
            await dialogOf(page).getByLabel("Reason").fill("Ticket 4711")
            await dialogOf(page).getByRole("button", { name: "Disable" }).click()
            await page.getByText("Your session has ended. Sign in to go on where you were.").waitFor()
            await enterCredentials(page, member)
            await dialogOf(page).waitFor()
            assert.strictEqual(new URL(page.url()).pathname, `/admin/users/${user.id}`)
          },
          { expectedTroubles: /^401 for/ }
        )
      })
    )
  })
})

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

describe.skipIf(missingBrowser !== "" || databaseUrl === "" || redisUrl === "")(
  "a user in the console while the database does not answer",
  { timeout: 120_000 },
  () => {
    it.layer(Layer.merge(layerReal(databaseUrl, redisUrl), Chromium.layer), { excludeTestServices: true })((it) => {
      it.effect("the page shows that it loads, then that the service is unavailable, and tries again by a button", () =>
        Effect.gen(function* () {
          const { person, sql } = yield* TestApi
          const user = yield* person()
          yield* asStaff(
            "support",
            "/",
            (page) =>
              withLockedTable(sql, "suppressions", async (unlock) => {
                await page.goto(`/admin/users/${user.id}`)
                await page.getByText("Loading …").waitFor()
                await page.getByRole("heading", { name: "This did not load" }).waitFor({ timeout: 60_000 })
                await page.getByText(/Try again in \d+ seconds?\./).waitFor()
                await assertPresentable(page, "user-unavailable")
                await unlock()
                await page.getByRole("button", { name: "Try again" }).click()
                await page.getByRole("heading", { name: "Sessions" }).waitFor()
              }),
            { expectedTroubles: /^(?:401|503) for/ }
          )
        })
      )
    })
  }
)

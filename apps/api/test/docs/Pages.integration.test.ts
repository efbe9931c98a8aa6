import { assert, describe, it } from "@effect/vitest"
import { openApiDocument } from "@user-service/schema/http/OpenApiDocument"
import { Effect, Layer } from "effect"
import type { Page } from "playwright-core"
import { Chromium, missingBrowser, withPage } from "../Chromium.ts"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const viewport = { width: 1280, height: 900 }

/** Opens the documentation page of this name. */
const onPage = (name: string, use: (page: Page, person: Person) => Promise<void>) =>
  Effect.gen(function* () {
    const person = yield* (yield* TestApi).person()
    yield* withPage({ viewport }, async (page) => {
      await page.goto(`/api/docs${name === "" ? "" : `/${name}`}`)
      await use(page, person)
      await page.waitForLoadState("networkidle")
    })
  })

const operations = Object.values(openApiDocument.paths).flatMap((item) => Object.values(item))

/** Sends the request of an operation that is unfolded and answers its status and body. */
const tryOut = async (page: Page, id: string, body?: unknown) => {
  const operation = page.locator(`#operations-${id}`)
  await operation.locator(".opblock-summary-control").click()
  await operation.getByRole("button", { name: "Try it out" }).click()
  if (body !== undefined) await operation.locator("textarea").fill(JSON.stringify(body))
  await operation.getByRole("button", { name: "Execute" }).click()
  const answer = operation.locator(".live-responses-table .response")
  return {
    status: await answer.locator(".response-col_status").innerText(),
    body: JSON.parse(await answer.locator(".highlight-code code").first().innerText())
  }
}

describe.skipIf(missingBrowser !== "")(`the documentation pages${missingBrowser}`, { timeout: 90_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Chromium.layer), { excludeTestServices: true })((it) => {
    it.effect("Swagger UI shows every operation", () =>
      onPage("swagger", async (page) => {
        await page.getByText("/api/v1/users/register/").waitFor()
        assert.strictEqual(await page.title(), "User Service: Swagger UI")
        assert.strictEqual(await page.locator(".opblock").count(), operations.length)
      })
    )

    it.effect("ReDoc shows every operation, and its search finds one", () =>
      onPage("redoc", async (page) => {
        await page.locator("h2", { hasText: "Register" }).first().waitFor()
        assert.strictEqual(await page.title(), "User Service: ReDoc")
        assert.strictEqual(await page.locator("[id*='/operation/']").count(), operations.length)
        await page.getByPlaceholder("Search...").fill("deactivate")
        await page.getByRole("search").getByText("Deactivate all push tokens").waitFor()
      })
    )

    for (const [name, text] of [
      ["", "Swagger UI"],
      ["asyncapi", "user.registered"],
      ["swagger", "/api/v1/users/register/"],
      ["redoc", "Register"]
    ] as const) {
      it.effect(`/api/docs/${name} fits a phone and a desk: nobody scrolls sideways`, () =>
        onPage(name, async (page) => {
          await page.getByText(text).first().waitFor({ state: "attached" })
          for (const width of [390, 1280]) {
            await page.setViewportSize({ width, height: 900 })
            // Folded away or not.
            await page.evaluate(`for (const folded of document.querySelectorAll("details")) folded.open = true`)
            const needed = await page.evaluate<number>("document.documentElement.scrollWidth")
            assert.isAtMost(needed, width)
          }
        })
      )
    }

    it.effect("the pages without a script can be used by keyboard, and link to each other", () =>
      onPage("", async (page) => {
        await page.keyboard.press("Tab")
        await page.keyboard.press("Tab")
        const outline = await page.evaluate<string>("getComputedStyle(document.activeElement).outlineStyle")
        assert.strictEqual(outline, "solid")
        await page.getByRole("link", { name: "Messages" }).click()
        await page.getByRole("link", { name: "token.removed" }).click()
        const heading = page.getByRole("heading", { name: "token.removed" })
        assert.isTrue(await heading.isVisible())
        await page.getByRole("link", { name: "Documentation" }).click()
        assert.strictEqual(await page.title(), "User Service: documentation")
      })
    )

    it.effect("a person logs in and reads their profile from Swagger UI", () =>
      onPage("swagger", async (page, { email, password }) => {
        const login = await tryOut(page, "Accounts-login", { email, password })
        assert.strictEqual(login.status, "200")
        await page.locator(".auth-wrapper").getByRole("button", { name: "Authorize" }).click()
        const dialog = page.locator(".modal-ux")
        await dialog.getByRole("textbox").first().fill(login.body.data.tokens.access)
        await dialog.getByRole("button", { name: "Apply credentials" }).first().click()
        await dialog.getByRole("button", { name: "Close" }).first().click()
        const profile = await tryOut(page, "Profile-getProfile")
        assert.strictEqual(profile.status, "200")
        assert.strictEqual(profile.body.data.email, email)
      })
    )
  })
})

import { assert, describe, it } from "@effect/vitest"
import { openApiDocument } from "@user-service/schema/http/OpenApiDocument"
import { Context, Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type BrowserContext, chromium, type Page } from "playwright-core"
import { layerEmbedded, type Person, TestApi } from "../TestApi.ts"

const executablePath = "/usr/bin/chromium"
const missing = existsSync(executablePath) ? "" : `: ${executablePath} is not installed`
if (missing !== "" && process.env["REQUIRE_SERVICES"] === "1")
  throw new Error(`REQUIRE_SERVICES=1, but${missing.slice(1)}`)

// As a page is read from elsewhere: a browser treats the names of its own machine otherwise, and so do libraries.
const host = "user-service.example"

const options = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  `--host-resolver-rules=MAP ${host} 127.0.0.1, MAP * ~NOTFOUND`
]

const viewport = { width: 1280, height: 900 }

/** A browser that nobody has used yet, without a window. */
class Browser extends Context.Service<Browser, BrowserContext>()("@user-service/api/test/docs/Browser") {
  static readonly layer = Layer.effect(
    Browser,
    Effect.gen(function* () {
      const profile = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "chromium-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
      )
      return yield* Effect.acquireRelease(
        Effect.promise(() =>
          chromium.launchPersistentContext(profile, { executablePath, headless: true, args: options, viewport })
        ),
        (context) => Effect.promise(() => context.close())
      )
    })
  )
}

/** What goes wrong on the page from now on: what a reader's console says, and what it asks of other hosts, in vain. */
const watch = async (page: Page, origin: string): Promise<ReadonlyArray<string>> => {
  const troubles: Array<string> = []
  const isOwn = (url: string) => url.startsWith("data:") || new URL(url).origin === origin
  await page.route(
    (url) => !isOwn(url.href),
    (route) => route.abort()
  )
  page.on("request", (request) => {
    if (!isOwn(request.url())) troubles.push(`asked for ${request.url()}`)
  })
  page.on("console", (message) => {
    if (message.type() === "error") troubles.push(`said ${message.text()}`)
  })
  page.on("pageerror", (error) => troubles.push(`threw ${error.message}`))
  return troubles
}

/** Does something on the page of this name, for a person who has an account, and finds nothing wrong with it. */
const onPage = (name: string, use: (page: Page, person: Person) => Promise<void>) =>
  Effect.gen(function* () {
    const api = yield* TestApi
    const browser = yield* Browser
    const person = yield* api.person()
    const origin = `http://${host}:${new URL(api.url).port}`
    const troubles = yield* Effect.promise(async () => {
      const page = await browser.newPage()
      const troubles = await watch(page, origin)
      await page.goto(`${origin}/api/docs${name === "" ? "" : `/${name}`}`)
      await use(page, person)
      await page.waitForLoadState("networkidle")
      await page.close()
      return troubles
    })
    assert.deepStrictEqual(troubles, [])
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

describe.skipIf(missing !== "")(`the documentation pages in a browser${missing}`, { timeout: 90_000 }, () => {
  it.layer(Layer.merge(layerEmbedded(), Browser.layer), { excludeTestServices: true })((it) => {
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

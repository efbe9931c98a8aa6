import { assert } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { existsSync } from "node:fs"
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { TestApi } from "./TestApi.ts"

const executablePath = "/usr/bin/chromium"

/** Why tests in a browser are skipped, for the name of the tests. Empty if the browser is installed. */
export const missingBrowser = existsSync(executablePath) ? "" : `: ${executablePath} is not installed`
if (missingBrowser !== "" && process.env["REQUIRE_SERVICES"] === "1")
  throw new Error(`REQUIRE_SERVICES=1, but${missingBrowser.slice(1)}`)

// Pages are read from another host, because browsers and libraries treat the names of their own machine differently.
const host = "user-service.example"

const options = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  `--host-resolver-rules=MAP ${host} 127.0.0.1, MAP localhost 127.0.0.1, MAP * ~NOTFOUND`
]

/** A browser without a window. */
export class Chromium extends Context.Service<Chromium, Browser>()("@user-service/api/test/Chromium") {
  static readonly layer = Layer.effect(
    Chromium,
    Effect.acquireRelease(
      Effect.promise(() => chromium.launch({ executablePath, args: options })),
      (browser) => Effect.promise(() => browser.close())
    )
  )
}

/** Blocks and records requests to other hosts, and records what fails to load and what the console reports as an error. */
const watch = async (context: BrowserContext, origin: string): Promise<ReadonlyArray<string>> => {
  const troubles: Array<string> = []
  const isOwn = (url: string) => url.startsWith("data:") || new URL(url).origin === origin
  await context.route(
    (url) => !isOwn(url.href),
    (route) => route.abort()
  )
  context.on("request", (request) => {
    if (!isOwn(request.url())) troubles.push(`request to ${request.url()}`)
  })
  context.on("response", (response) => {
    const isPage = response.request().isNavigationRequest()
    if (!isPage && response.status() >= 400) troubles.push(`${response.status()} for ${response.url()}`)
  })
  context.on("console", (message) => {
    // The console also reports the status of a page, which may be the point of the test.
    const isStatus = message.text().startsWith("Failed to load resource: the server responded with a status of")
    if (message.type() === "error" && !isStatus) troubles.push(`console: ${message.text()}`)
  })
  context.on("weberror", (error) => troubles.push(`uncaught: ${error.error().message}`))
  return troubles
}

interface PageOptions extends BrowserContextOptions {
  /** `localhost` has secure cookies over plain HTTP. */
  readonly host?: typeof host | "localhost"
  /** The failures that the page is tested with. */
  readonly expectedTroubles?: RegExp
}

/** Opens a page of the service with an empty profile. Fails if a request, a script or the content security policy failed. */
export const withPage = (
  { expectedTroubles, host: name = host, ...options }: PageOptions,
  use: (page: Page) => Promise<void>
) =>
  Effect.gen(function* () {
    const browser = yield* Chromium
    const { url } = yield* TestApi
    const baseURL = `http://${name}:${new URL(url).port}`
    const troubles = yield* Effect.acquireUseRelease(
      Effect.promise(() => browser.newContext({ ...options, baseURL })),
      (context) =>
        Effect.promise(async () => {
          const troubles = await watch(context, baseURL)
          await use(await context.newPage())
          return troubles
        }),
      (context) => Effect.promise(() => context.close())
    )
    assert.deepStrictEqual(
      troubles.filter((trouble) => expectedTroubles?.test(trouble) !== true),
      []
    )
  })

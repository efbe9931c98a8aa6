import { Effect } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import { type Browser, chromium } from "playwright-core"
import { Bench } from "../Bench.ts"
import { compare } from "../Compare.ts"
import type { Figure } from "../Figure.ts"

const slowdown = 4

/** A server of one empty page. */
const emptyPage = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer((_, response) => {
      response.setHeader("content-type", "text/html; charset=utf-8")
      response.end('<!doctype html><html lang="en"><title>Empty</title><body><p>Empty</p></body></html>')
    }).listen(0, "127.0.0.1")
    await once(server, "listening")
    return server
  }),
  (server) => Effect.sync(() => server.close())
).pipe(
  Effect.map((server) => {
    const address = server.address()
    if (address === null || typeof address === "string") throw new TypeError("A TCP server has a port")
    return `http://localhost:${address.port}/`
  })
)

const browser = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--host-resolver-rules=MAP localhost 127.0.0.1, MAP * ~NOTFOUND"
      ]
    })
  ),
  (opened) => Effect.promise(() => opened.close())
)

// From the start of the navigation until the element exists, a frame with it was painted, and the page handles the next event.
const untilInteractive = (selector: string) => `new Promise((done) => {
  const look = () => document.querySelector(${JSON.stringify(selector)}) === null
    ? requestAnimationFrame(look)
    : requestAnimationFrame(() => setTimeout(() => done(performance.now())))
  look()
})`

/** The time of a first load, with an empty profile, in milliseconds. */
const load = (opened: Browser, url: string, selector: string) =>
  Effect.promise(async () => {
    const context = await opened.newContext()
    const page = await context.newPage()
    const session = await context.newCDPSession(page)
    await session.send("Emulation.setCPUThrottlingRate", { rate: slowdown })
    await page.goto(url, { waitUntil: "commit" })
    const time = await page.evaluate<number>(untilInteractive(selector))
    await context.close()
    return time
  })

/** The first load of the console. */
export const consoleLoad = Effect.gen(function* () {
  const { rounds, service } = yield* Bench
  const opened = yield* browser
  const empty = yield* emptyPage
  const signIn = new URL(`http://localhost:${service.url.port}/admin/`).href
  return [
    {
      id: "console",
      measure: `first load of the console until it is interactive, over an empty page, on a ${slowdown} times slower processor`,
      unit: "ms",
      goal: { must: 6, aim: 4, better: "lower" },
      ...(yield* compare(Math.max(rounds, 7), load(opened, signIn, "button[type=submit]"), load(opened, empty, "p")))
    }
  ] satisfies ReadonlyArray<Figure>
}).pipe(Effect.scoped)

import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type IncomingMessage, type RequestListener } from "node:http"
import { CoalescedResponse } from "../../src/node/CoalescedResponse.ts"
import { listenOnLoopback } from "../ListeningServer.ts"

const serve = (listener: RequestListener<typeof IncomingMessage, typeof CoalescedResponse>) =>
  listenOnLoopback(createServer({ ServerResponse: CoalescedResponse }, listener))

it.live("sends responses that end in one turn of the event loop when the turn ends", () =>
  Effect.gen(function* () {
    const held: Array<() => void> = []
    const ended: Array<string> = []
    const url = yield* serve((_request, response) => {
      response.once("prefinish", () => ended.push("sent"))
      held.push(() => {
        response.end("whole")
        ended.push("ready")
      })
      if (held.length === 3) for (const end of held) end()
    })
    const texts = yield* Effect.promise(() => Promise.all([1, 2, 3].map(async () => (await fetch(url)).text())))
    assert.deepStrictEqual(texts, ["whole", "whole", "whole"])
    assert.deepStrictEqual(ended, ["ready", "ready", "ready", "sent", "sent", "sent"])
  })
)

it.live("closes only the connection of a body that is shorter than its declared length", () =>
  Effect.gen(function* () {
    const url = yield* serve((request, response) => {
      if (request.url === "/short") {
        response.strictContentLength = true
        response.writeHead(200, { "content-length": 100 })
      }
      response.end("short")
    })
    const lost = yield* Effect.promise(() =>
      fetch(new URL("/short", url))
        .then((answer) => answer.text())
        .catch(() => "lost")
    )
    assert.strictEqual(lost, "lost")
    assert.strictEqual(yield* Effect.promise(async () => (await fetch(url)).text()), "short")
  })
)

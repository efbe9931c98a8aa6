import { Effect } from "effect"
import { createServer, request } from "node:http"
import { listenOnLoopback } from "../ListeningServer.ts"
import { TestApi } from "../TestApi.ts"

/** The service behind a proxy that closes the connection after the first part of a response to this path. */
export const behindCuttingProxy = Effect.fnUntraced(function* (path: string) {
  const api = yield* TestApi
  const server = createServer((received, response) => {
    const { headers, method = "GET", url = "/" } = received
    const sent = request(api.url + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      if (!url.startsWith(path)) {
        answer.pipe(response)
        return
      }
      answer.once("data", (chunk) => {
        response.write(chunk, () => response.destroy())
        sent.destroy()
      })
    })
    sent.on("error", () => response.destroy())
    received.pipe(sent)
  })
  const { href } = yield* listenOnLoopback(server)
  return TestApi.of({ ...api, url: href.replace(/\/$/, "") })
})

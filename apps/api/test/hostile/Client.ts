import { Effect } from "effect"
import { Agent, request } from "node:http"
import type { Answer } from "../TestApi.ts"

/** What is sent, to the letter: nothing is added but its length, the host and what the connection asks for. */
export interface Request {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** What came back, and how long it took to. */
export interface TimedAnswer extends Answer {
  readonly milliseconds: number
}

/** A client that mends neither paths nor bodies, on connections that it keeps until the scope ends. */
export const make = (url: string, connections: number) =>
  Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAlive: true, maxSockets: connections })),
    (agent) => Effect.sync(() => agent.destroy())
  ).pipe(Effect.map((agent) => (sent: Request) => Effect.promise(() => exchange(url, agent, sent))))

const exchange = (url: string, agent: Agent, { body, headers, method, path }: Request): Promise<TimedAnswer> =>
  new Promise((resolve, reject) => {
    const started = performance.now()
    const { hostname, port } = new URL(url)
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) }
    const outgoing = request({ hostname, port, agent, method, path, headers: { ...length, ...headers } })
    outgoing.once("error", reject)
    outgoing.once("response", (incoming) => {
      const chunks: Array<Buffer> = []
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk))
      incoming.once("error", reject)
      incoming.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8")
        const { "set-cookie": _, ...received } = incoming.headers
        const isJson = text !== "" && incoming.headers["content-type"]?.includes("json") === true
        resolve({
          status: incoming.statusCode ?? 0,
          headers: new Headers(received as Record<string, string>),
          text,
          body: isJson ? JSON.parse(text) : undefined,
          milliseconds: performance.now() - started
        })
      })
    })
    outgoing.end(body)
  })

import { Effect } from "effect"
import { connect } from "node:net"
import type { Answer } from "../TestApi.ts"

/**
 * Sends raw bytes, and returns everything that the server sent until it closed the connection. Each part is written on its
 * own, as if it were a packet.
 */
export const exchange = (url: string, ...parts: ReadonlyArray<string | Uint8Array>): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const { hostname, port } = new URL(url)
    const received: Array<Buffer> = []
    const socket = connect({ host: hostname, port: Number(port) })
    const finish = () => resume(Effect.succeed(Buffer.concat(received).toString("utf8")))
    socket.setNoDelay(true)
    socket.on("data", (data) => received.push(data))
    socket.on("close", finish)
    // A server may refuse a request before it has read it completely.
    socket.on("error", finish)
    for (const part of parts) socket.write(part)
    return Effect.sync(() => socket.destroy())
  })

/** Parses the only answer in the text. */
export const parse = (text: string): Answer => {
  const [head = "", ...rest] = text.split("\r\n\r\n")
  const [statusLine = "", ...lines] = head.split("\r\n")
  const headers = new Headers(
    lines.map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()])
  )
  const body = rest.join("\r\n\r\n")
  const isJson = headers.get("content-type")?.includes("json") === true && body !== ""
  return { status: Number(statusLine.split(" ")[1]), headers, text: body, body: isJson ? JSON.parse(body) : undefined }
}

/** Sends a request with these head lines and this body on a new connection. */
export const request = (url: string, lines: ReadonlyArray<string>, body: string | Uint8Array = "") =>
  Effect.map(exchange(url, `${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`, body), parse)

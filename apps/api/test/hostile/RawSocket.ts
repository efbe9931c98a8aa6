import { Effect } from "effect"
import { connect } from "node:net"
import { setTimeout } from "node:timers/promises"
import type { Answer } from "../TestApi.ts"

/** Bytes to send, in the pieces to send them in, and how the client leaves. */
export interface Stream {
  readonly name: string
  readonly pieces: ReadonlyArray<Uint8Array>
  /**
   * "quiet": says that it is done once nothing more comes. "cut": is gone at once. "hold": waits for the server to end it.
   * "slow": the same, a piece at a time.
   */
  readonly ending: "quiet" | "cut" | "hold" | "slow"
}

/** What came back until the connection was over. */
export interface Outcome {
  readonly text: string
  readonly milliseconds: number
}

// After so long nothing comes, and after so long nothing more.
const silentMillis = 600
const quietMillis = 50

// The shortest head in such pieces takes longer than the server lets pass between two looks at what is overdue.
const pieceMillis = 100

/** Sends the stream over a connection of its own. */
export const exchange = (url: string, { ending, pieces }: Stream): Effect.Effect<Outcome> =>
  Effect.promise(
    () =>
      new Promise<Outcome>((resolve) => {
        const { hostname, port } = new URL(url)
        const started = performance.now()
        const received: Array<Buffer> = []
        const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
        const quiet = () => {
          if (ending === "quiet") socket.end()
        }
        socket.setNoDelay(true)
        socket.setTimeout(silentMillis, quiet)
        socket.on("data", (data) => {
          received.push(data)
          socket.setTimeout(quietMillis)
        })
        // A server that refuses a request need not read it to its end.
        socket.on("error", () => socket.destroy())
        socket.on("end", () => socket.end())
        socket.on("close", () =>
          resolve({ text: Buffer.concat(received).toString("latin1"), milliseconds: performance.now() - started })
        )
        void write()

        async function write() {
          for (const piece of pieces) {
            if (socket.destroyed) return
            socket.write(piece)
            if (ending === "slow") await setTimeout(pieceMillis)
          }
          if (ending === "cut") socket.destroy()
        }
      })
  )

const chunksOf = (text: string): { readonly body: string; readonly rest: string } | undefined => {
  let body = ""
  let rest = text
  for (;;) {
    const [, digits] = /^([0-9a-f]+)\r\n/.exec(rest) ?? []
    if (digits === undefined) return undefined
    const start = digits.length + 2
    const end = start + Number.parseInt(digits, 16)
    if (rest.length < end + 2) return undefined
    body += rest.slice(start, end)
    rest = rest.slice(end + 2)
    if (end === start) return { body, rest }
  }
}

/** The answers in what came back, and what is left that is no whole answer. */
export const answersIn = (text: string): { readonly answers: ReadonlyArray<Answer>; readonly rest: string } => {
  const answers: Array<Answer> = []
  let rest = text
  for (;;) {
    const end = rest.indexOf("\r\n\r\n")
    if (!rest.startsWith("HTTP/1.1 ") || end < 0) return { answers, rest }
    const [statusLine = "", ...lines] = rest.slice(0, end).split("\r\n")
    const status = Number(statusLine.split(" ")[1])
    const headers = new Headers(
      lines.map((line): [string, string] => [
        line.slice(0, line.indexOf(":")),
        line.slice(line.indexOf(":") + 1).trim()
      ])
    )
    const after = rest.slice(end + 4)
    const length = Number(headers.get("content-length") ?? 0)
    // One to a HEAD tells the length of what it leaves out.
    const isLeftOut = after === "" || after.startsWith("HTTP/1.1 ")
    const content = headers.get("transfer-encoding") === "chunked" && !isLeftOut ? chunksOf(after) : undefined
    if (content === undefined && !isLeftOut && after.length < length) return { answers, rest }
    const body = content?.body ?? (isLeftOut ? "" : after.slice(0, length))
    rest = content?.rest ?? (isLeftOut ? after : after.slice(length))
    if (status < 200) continue
    const isJson = headers.get("content-type")?.includes("json") === true && body !== ""
    answers.push({ status, headers, text: body, body: isJson ? JSON.parse(body) : undefined })
  }
}

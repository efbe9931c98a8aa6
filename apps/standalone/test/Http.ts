import { assert } from "@effect/vitest"
import { Effect } from "effect"

/** What is sent: a body goes as JSON, unless it is text, which goes as it is. */
export interface Sent {
  readonly body?: unknown
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** What came back. `body` is the parsed JSON, undefined where there was none. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // Tests reach into answers freely and say by assertions what is there.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** Speaks to the service at one address, as any client would. */
export type Send = (method: string, path: string, sent?: Sent) => Effect.Effect<Answer>

/** Each request on a connection of its own, so that several processes that share the port take turns. */
export const sender =
  (url: string): Send =>
  (method, path, { body, headers = {}, token } = {}) =>
    Effect.promise(async () => {
      const answer = await fetch(url + path, {
        method,
        redirect: "manual",
        headers: {
          connection: "close",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
      })
      const text = await answer.text()
      const isJson = text !== "" && answer.headers.get("content-type")?.includes("json") === true
      return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : undefined }
    })

/** Sends; the answer must have this status and, where one is named, this message. */
export const expecting =
  (send: Send) => (status: number, message: string | undefined, method: string, path: string, sent?: Sent) =>
    Effect.map(send(method, path, sent), (answer) => {
      assert.strictEqual(answer.status, status, `${method} ${path}: ${answer.text}`)
      if (message !== undefined) assert.strictEqual(answer.body?.message, message, `${method} ${path}`)
      return answer
    })

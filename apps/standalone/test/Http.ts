import { assert } from "@effect/vitest"
import { Effect } from "effect"

/** The input of a request. A body is sent as JSON, or unchanged if it is a string. */
export interface RequestInput {
  readonly body?: unknown
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer. `body` is the parsed JSON, or undefined if the answer has no JSON body. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // Tests access answers without types, and assert what they contain.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** Sends a request to the service at one address. */
export type Send = (method: string, path: string, sent?: RequestInput) => Effect.Effect<Answer>

/** Sends each request on a new connection, so that several processes on one port alternate. */
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

/** Sends a request and asserts the status and, if given, the message of the answer. */
export const expectAnswer =
  (send: Send) => (status: number, message: string | undefined, method: string, path: string, sent?: RequestInput) =>
    Effect.map(send(method, path, sent), (answer) => {
      assert.strictEqual(answer.status, status, `${method} ${path}: ${answer.text}`)
      if (message !== undefined) assert.strictEqual(answer.body?.message, message, `${method} ${path}`)
      return answer
    })

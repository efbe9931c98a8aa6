import { Effect, Schema } from "effect"
import { Agent, request } from "node:http"
import { text } from "node:stream/consumers"

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PATCH"
  readonly path: string
  readonly token?: string
  readonly body?: unknown
}

interface HttpAnswer {
  readonly status: number
  readonly text: string
}

/** No answer: the connection was refused or lost, or the answer took more than ten seconds. */
class NoAnswer extends Schema.TaggedError<NoAnswer>()("NoAnswer", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

/** Sends a request. Another attempt is the caller's matter: without an answer nobody knows whether the request was executed. */
export type Send = (request: HttpRequest) => Effect.Effect<HttpAnswer, NoAnswer>

/** Requests to one instance of the API, over connections that are kept. */
export const sender = (url: string): Send => {
  const agent = new Agent({ keepAlive: true })
  return ({ body, method, path, token }) => {
    const json = body === undefined ? undefined : JSON.stringify(body)
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(json === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(json) })
    }
    return Effect.callback<HttpAnswer, NoAnswer>((resume) => {
      const fail = (error: Error) => resume(Effect.fail(new NoAnswer({ reason: error.message })))
      const sent = request(url + path, { agent, method, headers }, (answer) => {
        text(answer).then((body) => resume(Effect.succeed({ status: answer.statusCode ?? 0, text: body })), fail)
      })
      sent.on("error", fail).end(json)
      return Effect.sync(() => sent.destroy())
    }).pipe(
      Effect.timeoutOrElse({
        duration: "10 seconds",
        orElse: () => Effect.fail(new NoAnswer({ reason: "no answer in ten seconds" }))
      })
    )
  }
}

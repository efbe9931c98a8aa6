import { Array, Data, Effect, Exit, Fiber, Schema } from "effect"
import { HttpBody, type HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { HttpClientErrorSchema } from "effect/http/HttpClientError"
import { RpcSerialization } from "effect/rpc"
import { RpcClientDefect, RpcClientError } from "effect/rpc/RpcClientError"
import type { FromServerEncoded, RequestEncoded } from "effect/rpc/RpcMessage"
import { together } from "./Together.ts"

/** Posts a call, and answers how it ended, as it is on the wire. */
export type Send = (call: RequestEncoded) => Effect.Effect<unknown, RpcClientError>

/** By which request calls are posted, and how many milliseconds there are for an answer. */
export interface Endpoint {
  readonly http: HttpClient.HttpClient
  readonly request: HttpClientRequest.HttpClientRequest
  readonly timeout: number
}

/** Posts each call as a request of its own. */
export const single = (endpoint: Endpoint): Effect.Effect<Send, never, RpcSerialization.RpcSerialization> =>
  Effect.map(exchangeOver(endpoint), alone)

/** Posts the calls of a tick as one request, or as several of at most `maxSize`. */
export const shared = Effect.fnUntraced(function* (endpoint: Endpoint, maxSize: number) {
  const exchange = yield* exchangeOver(endpoint)
  return yield* together<RequestEncoded, unknown, RpcClientError>({
    one: alone(exchange),
    several: (asked) =>
      Effect.forEach(
        Array.chunksOf(asked, maxSize),
        (some) =>
          Effect.map(Effect.exit(exchange(some.map(({ question }) => question))), (exit) => {
            for (const one of some) one.exit = Exit.isSuccess(exit) ? endingOf(one.question)(exit.value) : exit
          }),
        { concurrency: "unbounded", discard: true }
      )
  })
})

type Exchange = (
  calls: ReadonlyArray<RequestEncoded>
) => Effect.Effect<ReadonlyArray<FromServerEncoded>, RpcClientError>

// Every answer of ours ends, and read whole it costs a fraction of what it costs as a stream, as the library reads it.
const exchangeOver = ({ http, request, timeout }: Endpoint) =>
  Effect.map(RpcSerialization.RpcSerialization, ({ codecFor, contentType, makeUnsafe }): Exchange => {
    const decodeDefect = Schema.decodeUnknownSync(codecFor(Schema.Defect()))
    return (calls) => {
      const parser = makeUnsafe()
      const body = HttpBody.raw(parser.encode(calls), { contentType })
      return http.execute(HttpClientRequest.setBody(request, body)).pipe(
        Effect.flatMap((response) =>
          (response.headers["content-type"] ?? contentType) === contentType
            ? response.arrayBuffer
            : Effect.fail(
                new HttpClientError.HttpClientError({
                  reason: new HttpClientError.DecodeError({ request: response.request, response })
                })
              )
        ),
        Effect.mapError(unsent),
        within(timeout),
        Effect.flatMap((bytes) =>
          Effect.try({
            // The parser has checked that they are messages.
            try: () => parser.decode(new Uint8Array(bytes)) as ReadonlyArray<FromServerEncoded>,
            catch: (cause) => defect("The answer cannot be read", cause)
          })
        ),
        Effect.tap((answers) => {
          const refusal = answers.find((answer) => answer._tag === "Defect")
          return refusal === undefined ? Effect.void : Effect.die(decodeDefect(refusal.defect))
        })
      )
    }
  })

const alone =
  (exchange: Exchange): Send =>
  (call) =>
    Effect.flatMap(exchange([call]), endingOf(call))

const endingOf = (call: RequestEncoded) => (answers: ReadonlyArray<FromServerEncoded>) => {
  for (const answer of answers) {
    if (answer._tag === "Exit" && answer.requestId === call.id) return Exit.succeed(answer.exit)
  }
  return Exit.fail(defect("There is no answer to the call", call.tag))
}

/** Why a request was given up; `allowed` are milliseconds. */
export class NoAnswerInTime extends Data.TaggedError("NoAnswerInTime")<{ readonly allowed: number }> {}

// The longest a timer waits: 24 days.
const longest = 2 ** 31 - 1

// As `Effect.timeout`, whose two fibers, one racing the other, cost a request several times what its own and a timer do.
const within =
  (allowed: number) =>
  <A>(request: Effect.Effect<A, RpcClientError>): Effect.Effect<A, RpcClientError> =>
    Effect.withFiber(({ context }) =>
      Effect.callback((resume) => {
        const fiber = Effect.runForkWith(context)(request)
        const giveUp = () => {
          resume(Effect.fail(defect("There was no answer in time", new NoAnswerInTime({ allowed }))))
          fiber.interruptUnsafe()
        }
        const timer = setTimeout(giveUp, Math.min(allowed, longest))
        fiber.addObserver((exit) => {
          clearTimeout(timer)
          resume(exit)
        })
        return Fiber.interrupt(fiber)
      })
    )

const unsent = (error: HttpClientError.HttpClientError) =>
  new RpcClientError({ reason: HttpClientErrorSchema.fromHttpClientError(error) })

/** What comes of a service that does not keep to the procedures. */
export const defect = (message: string, cause: unknown) =>
  new RpcClientError({ reason: new RpcClientDefect({ message, cause }) })

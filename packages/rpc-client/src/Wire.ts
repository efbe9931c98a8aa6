import { Data, Deferred, Effect, Fiber } from "effect"
import { HttpBody, type HttpClient, type HttpClientError, HttpClientRequest } from "effect/http"
import { HttpClientErrorSchema } from "effect/http/HttpClientError"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { RpcClientDefect, RpcClientError } from "effect/rpc/RpcClientError"
import { type FromServerEncoded, isTerminalResponse, type RequestEncoded } from "effect/rpc/RpcMessage"

/** How the calls of a request ended on the way: with an answer each, or not. */
type Outcome = (call: RequestEncoded) => Effect.Effect<void, RpcClientError>

type Send = (clientId: number, call: RequestEncoded) => Effect.Effect<void, RpcClientError>

/** By which request calls are posted, and how many milliseconds there are for an answer. */
export interface Endpoint {
  readonly http: HttpClient.HttpClient
  readonly request: HttpClientRequest.HttpClientRequest
  readonly timeout: number
}

/** Posts each call as a request of its own. */
export const single = (endpoint: Endpoint) =>
  over(
    endpoint,
    (exchange) => (clientId, call) => Effect.flatMap(exchange(clientId, [call]), (outcome) => outcome(call))
  )

interface Batch {
  readonly calls: Array<RequestEncoded>
  readonly outcome: Deferred.Deferred<Outcome, RpcClientError>
}

/**
 * Posts the calls of a tick as one request, or as several of at most `maxSize`. Whoever does not wait any more takes nobody's
 * answer away.
 */
export const shared = Effect.fnUntraced(function* (endpoint: Endpoint, maxSize: number) {
  const scope = yield* Effect.scope
  return yield* over(endpoint, (exchange) => {
    let open: Batch | undefined
    const begin = (clientId: number, batch: Batch) =>
      Effect.yieldNow.pipe(
        Effect.flatMap(() => {
          if (open === batch) open = undefined
          return exchange(clientId, batch.calls)
        }),
        Deferred.into(batch.outcome),
        Effect.forkIn(scope, { startImmediately: true })
      )
    return Effect.fnUntraced(function* (clientId, call) {
      const batch = open ?? { calls: [], outcome: Deferred.makeUnsafe() }
      batch.calls.push(call)
      open = batch.calls.length < maxSize ? batch : undefined
      if (batch.calls.length === 1) yield* begin(clientId, batch)
      const outcome = yield* Deferred.await(batch.outcome)
      return yield* outcome(call)
    })
  })
})

type Exchange = (clientId: number, calls: ReadonlyArray<RequestEncoded>) => Effect.Effect<Outcome, RpcClientError>

const over = (endpoint: Endpoint, sendBy: (exchange: Exchange) => Send) =>
  RpcClient.Protocol.make((write) =>
    Effect.map(RpcSerialization.RpcSerialization, (serialization) => {
      const send = sendBy(exchangeOver(endpoint, serialization, write))
      return {
        send: (clientId, message) => (message._tag === "Request" ? send(clientId, message) : Effect.void),
        supportsAck: false,
        supportsTransferables: false,
        codecFor: serialization.codecFor
      }
    })
  )

// Every answer of ours ends, and read whole it costs a fraction of what it costs as a stream, as the library reads it.
const exchangeOver =
  (
    { http, request, timeout }: Endpoint,
    { contentType, makeUnsafe }: RpcSerialization.RpcSerialization["Service"],
    write: (clientId: number, answer: FromServerEncoded) => Effect.Effect<void>
  ): Exchange =>
  (clientId, calls) => {
    const parser = makeUnsafe()
    const body = HttpBody.raw(parser.encode(calls.length === 1 ? calls[0] : calls), { contentType })
    return http.execute(HttpClientRequest.setBody(request, body)).pipe(
      Effect.flatMap((response) => response.arrayBuffer),
      Effect.mapError(unsent),
      within(timeout),
      Effect.flatMap((bytes) =>
        Effect.try({
          // The parser has checked that they are messages.
          try: () => parser.decode(new Uint8Array(bytes)) as ReadonlyArray<FromServerEncoded>,
          catch: (cause) => defect("The answer cannot be read", cause)
        })
      ),
      Effect.flatMap((answers) =>
        Effect.as(
          Effect.forEach(answers, (answer) => write(clientId, answer), { discard: true }),
          outcomeOf(answers)
        )
      )
    )
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

const outcomeOf = (answers: ReadonlyArray<FromServerEncoded>): Outcome => {
  const answered = new Set(answers.map((answer) => (answer._tag === "Exit" ? String(answer.requestId) : "")))
  // What is terminal and names no call ends them all.
  const isOver = answers.some((answer) => answer._tag !== "Exit" && isTerminalResponse(answer))
  return ({ id, tag }) =>
    isOver || answered.has(String(id)) ? Effect.void : Effect.fail(defect("There is no answer to the call", tag))
}

const unsent = (error: HttpClientError.HttpClientError) =>
  new RpcClientError({ reason: HttpClientErrorSchema.fromHttpClientError(error) })

const defect = (message: string, cause: unknown) =>
  new RpcClientError({ reason: new RpcClientDefect({ message, cause }) })

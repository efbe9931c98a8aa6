import { Context, Cause, Clock, Duration, Effect, Exit, Layer, Predicate, Random, Schedule } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { RpcClientError } from "effect/rpc/RpcClientError"
import { Unreachable } from "./Unreachable.ts"
import { NoAnswerInTime } from "./Wire.ts"

/** How long a caller waits, and how often they ask. */
export interface Patience {
  /** How long a call may take in all, with everything that is tried again; 10 seconds. */
  readonly deadline?: Duration.Input
  /** How long one try may take; 3 seconds. */
  readonly timeout?: Duration.Input
  /** How often a call is made again at most; 3 times. */
  readonly retries?: number
  /** After how many tries in a row without an answer the service is left alone for a while, from 1 to 30 seconds; 10. */
  readonly failuresToOpen?: number
}

/** How long one try may take, in milliseconds. */
export const timeoutMillis = (patience: Patience): number => Duration.toMillis(patience.timeout ?? "3 seconds")

/** Makes calls that may be made more than once, each of which ends at its timeout. */
export class Resilience extends Context.Service<
  Resilience,
  {
    /**
     * Tries again, after a random wait that grows, while the service is out of reach or says that it is busy; not before
     * the time that it names, and not at all where that is past the deadline.
     */
    readonly persist: <A, E, R>(call: Effect.Effect<A, E | RpcClientError, R>) => Effect.Effect<A, E | Unreachable, R>
  }
>()("@user-service/rpc-client/Resilience") {
  static readonly layer = (patience: Patience) =>
    Layer.effect(Resilience, make(patience)).pipe(Layer.provide(breakers(patience.failuresToOpen ?? 10)))
}

const longestOpen = Duration.seconds(30)

const breakers = (failures: number) =>
  CircuitBreaker.layer({
    tripPolicy: CircuitBreaker.consecutive(failures),
    openDuration: Schedule.exponential("1 second").pipe(
      Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, longestOpen)))
    )
  }).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))

const make = Effect.fnUntraced(function* (patience: Patience) {
  const breaker = yield* CircuitBreaker.CircuitBreaker
  const deadline = Duration.toMillis(patience.deadline ?? "10 seconds")
  const timeout = timeoutMillis(patience)
  const retries = patience.retries ?? 3

  let isAnswering = true
  const classify = <A, E>(exit: Exit.Exit<A, E>): CircuitBreaker.Outcome => {
    isAnswering = !isOutageIn(exit)
    return isAnswering ? CircuitBreaker.success : CircuitBreaker.failure()
  }
  const viaBreaker = <A, E, R>(call: Effect.Effect<A, E, R>) =>
    breaker
      .execute(call, { key: "user-service", classify })
      .pipe(
        Effect.mapError((error) =>
          error instanceof CircuitBreaker.CircuitBreakerError
            ? new Unreachable({ reason: "circuit_open", detail: error.message })
            : error
        )
      )
  const isNews = <A, E>(exit: Exit.Exit<A, E>) =>
    isOutageIn(exit) || (!isAnswering && !(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)))

  // While the service answers the breaker is told of outages only: to ask it costs about as much as to send the call, and one
  // more answer is no news to it.
  const guarded = <A, E, R>(call: Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<A, E | Unreachable, R> =>
      isAnswering
        ? Effect.onExit(call, (exit) => (isNews(exit) ? Effect.exit(viaBreaker(exit)) : Effect.void))
        : viaBreaker(call)
    )

  // A try ends by itself at its timeout. What the deadline cuts short before that is no outcome for the breaker: there may
  // have been next to no time left for it.
  const attempt = <A, E, R>(call: Effect.Effect<A, E, R>, left: number) => {
    if (left <= 0) return Effect.fail(late(deadline))
    return left < timeout
      ? Effect.timeoutOrElse(guarded(call), { duration: left, orElse: () => Effect.fail(late(deadline)) })
      : guarded(call)
  }

  const insist = <A, E, R>(
    call: Effect.Effect<A, E, R>,
    due: number,
    retried: number
  ): Effect.Effect<A, E | Unreachable, R> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => attempt(call, due - now)).pipe(
      Effect.catch((error) =>
        Effect.gen(function* () {
          const left = due - (yield* Clock.currentTimeMillis)
          const asked = waitMillis(error)
          if (retried >= retries || !isTransient(error) || asked >= left) return yield* Effect.fail(error)
          yield* Effect.sleep(Math.min(asked + (yield* backOff(retried)), left))
          return yield* insist(call, due, retried + 1)
        })
      )
    )

  const persist: Resilience["Service"]["persist"] = (call) =>
    Effect.flatMap(Clock.currentTimeMillis, (started) => insist(Effect.mapError(call, told), started + deadline, 0))

  return { persist }
})

const late = (millis: number) =>
  new Unreachable({ reason: "timeout", detail: `none within ${Duration.format(Duration.millis(millis))}` })

const told = <E>(error: E | RpcClientError): E | Unreachable =>
  error instanceof RpcClientError ? unreachable(error) : error

const unreachable = (error: RpcClientError): Unreachable =>
  error.reason._tag === "RpcClientDefect" && error.reason.cause instanceof NoAnswerInTime
    ? late(error.reason.cause.allowed)
    : Unreachable.fromRpcClientError(error)

// What is refused for a reason of the caller's was answered, and is no fault of the service's.
const isOutageIn = <A, E>(exit: Exit.Exit<A, E>): boolean =>
  Exit.isFailure(exit) && exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && isOutage(reason.error))

const isOutage = (error: unknown): boolean =>
  Predicate.isTagged(error, "Unreachable") || Predicate.isTagged(error, "ServiceUnavailable")

const isTransient = (error: unknown): boolean =>
  (Predicate.isTagged(error, "Unreachable") && !isOpen(error)) ||
  Predicate.isTagged(error, "ServiceUnavailable") ||
  Predicate.isTagged(error, "RateLimited")

const isOpen = (error: unknown): boolean => error instanceof Unreachable && error.reason === "circuit_open"

const waitMillis = (error: unknown): number =>
  Predicate.hasProperty(error, "retryAfterSeconds") && Predicate.isNumber(error.retryAfterSeconds)
    ? error.retryAfterSeconds * 1000
    : 0

// From 50 milliseconds, doubled each time; a fifth more or less, so that those that failed together do not come together.
const backOff = (retried: number): Effect.Effect<number> =>
  Effect.map(Random.nextBetween(0.8, 1.2), (share) => 50 * 2 ** retried * share)

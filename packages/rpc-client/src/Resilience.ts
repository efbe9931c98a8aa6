import { Cause, Clock, Context, Duration, Effect, Exit, Layer, Predicate, Schedule, Schema } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { RpcClientError } from "effect/rpc/RpcClientError"
import type { Refusal } from "./Refusal.ts"
import { failureOf, Unreachable } from "./Unreachable.ts"

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

/** Makes calls that may be made more than once. */
export class Resilience extends Context.Service<
  Resilience,
  {
    /**
     * Tries again, after a random wait that grows, while the service is out of reach or says that it is busy; not before
     * the time that it names, and not at all where that is past the deadline. Each try ends at the timeout.
     */
    readonly persist: <A, E, R>(
      call: Effect.Effect<A, E | RpcClientError, R>
    ) => Effect.Effect<A, E | Unreachable | Refusal, R>
  }
>()("@user-service/rpc-client/Resilience") {
  static readonly layer = (patience: Patience) =>
    Layer.effect(Resilience, make(patience)).pipe(Layer.provide(layerBreaker(patience.failuresToOpen ?? 10)))
}

const layerBreaker = (failures: number) =>
  CircuitBreaker.layer({
    tripPolicy: CircuitBreaker.consecutive(failures),
    openDuration: Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")])
  }).pipe(Layer.provide(CircuitBreaker.layerStoreMemory()))

// From 50 milliseconds, doubled each time; a fifth more or less, so that callers that failed together do not come together.
const backoff = Schedule.exponential("50 millis").pipe(
  Schedule.jittered,
  Schedule.addDelay(({ input }) => Effect.succeed(retryAfter(input)))
)

const make = Effect.fnUntraced(function* (patience: Patience) {
  const breaker = yield* CircuitBreaker.CircuitBreaker
  const deadline = Duration.fromInputUnsafe(patience.deadline ?? "10 seconds")
  const timeout = Duration.fromInputUnsafe(patience.timeout ?? "3 seconds")
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

  // While the service answers, only outages go to the breaker: asking it costs a call about a tenth of its time.
  const guarded = <A, E, R>(call: Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<A, E | Unreachable, R> =>
      isAnswering
        ? Effect.onExit(call, (exit) => (isNews(exit) ? Effect.exit(viaBreaker(exit)) : Effect.void))
        : viaBreaker(call)
    )

  // A try that the deadline cuts short is no outcome for the breaker: there may have been next to no time left for it.
  const attempt = <A, E, R>(call: Effect.Effect<A, E, R>, left: number) => {
    if (left <= 0) return Effect.fail(late(deadline))
    return left < Duration.toMillis(timeout)
      ? Effect.timeoutOrElse(guarded(call), { duration: left, orElse: () => Effect.fail(late(deadline)) })
      : guarded(Effect.timeoutOrElse(call, { duration: timeout, orElse: () => Effect.fail(late(timeout)) }))
  }

  const persist: Resilience["Service"]["persist"] = (call) =>
    Effect.flatMap(Clock.currentTimeMillis, (started) => {
      const end = started + Duration.toMillis(deadline)
      const answer = legible(call)
      const again = Effect.flatMap(Clock.currentTimeMillis, (now) => attempt(answer, end - now))
      // The schedule is set up after the first failure, since that costs a call a few microseconds.
      return Effect.catch(attempt(answer, end - started), (error) =>
        Effect.retry(
          failingFirst(error, again),
          backoff.pipe(
            Schedule.while(
              ({ attempt, input, now }) =>
                attempt <= retries && isTransient(input) && now + Duration.toMillis(retryAfter(input)) < end
            ),
            Schedule.modifyDelay(({ duration, now }) =>
              Effect.succeed(Duration.min(duration, Duration.millis(end - now)))
            )
          )
        )
      )
    })

  return { persist }
})

const failingFirst = <A, E, E2, R>(first: E, next: Effect.Effect<A, E2, R>): Effect.Effect<A, E | E2, R> => {
  let isFirst = true
  return Effect.suspend((): Effect.Effect<A, E | E2, R> => {
    if (!isFirst) return next
    isFirst = false
    return Effect.fail(first)
  })
}

const late = (duration: Duration.Duration) =>
  new Unreachable({ reason: "timeout", detail: `none within ${Duration.format(duration)}` })

const legible = <A, E, R>(
  call: Effect.Effect<A, E | RpcClientError, R>
): Effect.Effect<A, E | Unreachable | Refusal, R> =>
  call.pipe(
    Effect.catch((error): Effect.Effect<never, E | Unreachable | Refusal> =>
      error instanceof RpcClientError ? failureOf(error) : Effect.fail(error)
    ),
    Effect.catchDefect((defect) => (Schema.isSchemaError(defect) ? unreadable(defect) : Effect.die(defect)))
  )

// The library decodes an answer where no error is expected.
const unreadable = (cause: Schema.SchemaError) =>
  Effect.fail(new Unreachable({ reason: "answer", detail: "The answer cannot be read", cause }))

// A refusal for a reason of the caller is an answer, and no fault of the service.
const isOutageIn = <A, E>(exit: Exit.Exit<A, E>): boolean =>
  Exit.isFailure(exit) && exit.cause.reasons.some((reason) => Cause.isFailReason(reason) && isOutage(reason.error))

const isOutage = (error: unknown): boolean =>
  Predicate.isTagged(error, "Unreachable") || Predicate.isTagged(error, "ServiceUnavailable")

const isTransient = (error: unknown): boolean =>
  (isOutage(error) && !isOpen(error)) || Predicate.isTagged(error, "RateLimited")

const isOpen = (error: unknown): boolean => error instanceof Unreachable && error.reason === "circuit_open"

const retryAfter = (error: unknown): Duration.Duration =>
  Predicate.hasProperty(error, "retryAfterSeconds") && Predicate.isNumber(error.retryAfterSeconds)
    ? Duration.seconds(error.retryAfterSeconds)
    : Duration.zero

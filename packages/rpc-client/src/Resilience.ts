// Retries and a circuit breaker by Effect's means; only outages are reported to the breaker (decision 0016).
import { Cause, Clock, Context, Duration, Effect, Exit, Layer, Predicate, Schedule } from "effect"
import { CircuitBreaker } from "effect/persistence"
import { RpcClientError } from "effect/rpc/RpcClientError"
import type { Refusal } from "./Refusal.ts"
import { failureOf, Unreachable } from "./Unreachable.ts"

/** The timeouts, retries and circuit breaker of the client. */
export interface Patience {
  /** The longest time that a call takes, retries included. Default: 10 seconds. */
  readonly deadline?: Duration.Input
  /** The longest time that one attempt takes. Default: 3 seconds. */
  readonly timeout?: Duration.Input
  /** The most retries of a call. Default: 3. */
  readonly retries?: number
  /** How many attempts in a row without an answer open the circuit breaker, for 1 to 30 seconds. Default: 10. */
  readonly failuresToOpen?: number
}

const deadlineOf = (patience: Patience) => Duration.fromInputUnsafe(patience.deadline ?? "10 seconds")
const timeoutOf = (patience: Patience) => Duration.fromInputUnsafe(patience.timeout ?? "3 seconds")

/** The longest time that a caller waits for an attempt: the timeout, or the deadline where that is shorter. */
export const longestAttempt = (patience: Patience): Duration.Duration =>
  Duration.min(timeoutOf(patience), deadlineOf(patience))

/** Timeouts, retries and a circuit breaker for calls that are safe to repeat. */
export class Resilience extends Context.Service<
  Resilience,
  {
    /**
     * Retries the call with a growing, random wait while the service is unreachable or busy. The wait is at least the
     * `retryAfterSeconds` of the failure; if that ends after the deadline, the call fails without a retry. Each attempt ends
     * at the timeout.
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

// 50 milliseconds, doubled for each retry. The jitter, a fifth, spreads the retries of callers that failed together.
const backoff = Schedule.exponential("50 millis").pipe(
  Schedule.jittered,
  Schedule.addDelay(({ input }) => Effect.succeed(retryAfter(input)))
)

const make = Effect.fnUntraced(function* (patience: Patience) {
  const breaker = yield* CircuitBreaker.CircuitBreaker
  const deadline = deadlineOf(patience)
  const timeout = timeoutOf(patience)
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
  const concernsBreaker = <A, E>(exit: Exit.Exit<A, E>) =>
    isOutageIn(exit) || (!isAnswering && !(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)))

  // As long as the service answers, only outages are reported to the breaker: a call through it takes a tenth longer.
  const guarded = <A, E, R>(call: Effect.Effect<A, E, R>) =>
    Effect.suspend((): Effect.Effect<A, E | Unreachable, R> =>
      isAnswering
        ? Effect.onExit(call, (exit) => (concernsBreaker(exit) ? Effect.exit(viaBreaker(exit)) : Effect.void))
        : viaBreaker(call)
    )

  // An attempt that the deadline ends is not reported to the breaker, since it may have had almost no time.
  const attempt = <A, E, R>(call: Effect.Effect<A, E, R>, left: number) => {
    if (left <= 0) return Effect.fail(timeoutFailure(deadline))
    return left < Duration.toMillis(timeout)
      ? Effect.timeoutOrElse(guarded(call), { duration: left, orElse: () => Effect.fail(timeoutFailure(deadline)) })
      : guarded(Effect.timeoutOrElse(call, { duration: timeout, orElse: () => Effect.fail(timeoutFailure(timeout)) }))
  }

  const persist: Resilience["Service"]["persist"] = (call) =>
    Effect.flatMap(Clock.currentTimeMillis, (started) => {
      const end = started + Duration.toMillis(deadline)
      const typedCall = withTypedFailures(call)
      const nextAttempt = Effect.flatMap(Clock.currentTimeMillis, (now) => attempt(typedCall, end - now))
      // The schedule is created after the first failure, which saves other calls a few microseconds.
      return Effect.catch(attempt(typedCall, end - started), (error) =>
        Effect.retry(
          failingFirst(error, nextAttempt),
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

const timeoutFailure = (duration: Duration.Duration) =>
  new Unreachable({ reason: "timeout", detail: `none within ${Duration.format(duration)}` })

const withTypedFailures = <A, E, R>(
  call: Effect.Effect<A, E | RpcClientError, R>
): Effect.Effect<A, E | Unreachable | Refusal, R> =>
  call.pipe(
    Effect.catch((error): Effect.Effect<never, E | Unreachable | Refusal> =>
      error instanceof RpcClientError ? failureOf(error) : Effect.fail(error)
    ),
    Effect.catchDefect(unreadable)
  )

// The library reports as a defect: an answer that it cannot decode, an answer that the service could not encode, and a defect of
// the service.
const unreadable = (cause: unknown) =>
  Effect.fail(new Unreachable({ reason: "answer", detail: "The answer cannot be read", cause }))

// A failure because of the caller, such as a wrong key, is an answer and no outage.
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

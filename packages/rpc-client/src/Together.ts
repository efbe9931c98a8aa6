import { Effect, Exit, Fiber, type Scope } from "effect"

/** Something that is asked for, and in the end what came of it. */
interface Asked<Q, A, E> {
  readonly question: Q
  exit: Exit.Exit<A, E>
}

/** How questions are answered: one by itself, or several at once, each of which is told what came of it. */
export interface Ways<Q, A, E> {
  readonly one: (question: Q) => Effect.Effect<A, E>
  readonly several: (asked: ReadonlyArray<Asked<Q, A, E>>) => Effect.Effect<void, E>
}

interface Batch<Q, A, E> {
  readonly asked: Array<Asked<Q, A, E>>
  answering?: Fiber.Fiber<void, E>
}

// What is asked in one run of the scheduler comes together; another run of it would cost a question that comes alone a turn of
// the event loop.
const tick = Effect.callback<void>((resume) => queueMicrotask(() => resume(Effect.void)))

const unanswered = Exit.die(new Error("A question of several was not answered"))

/**
 * Answers together what is asked in the same tick. Whoever does not wait any more takes nobody's answer away. What is asked
 * alone, as most is, is answered by the fiber that asks: the batches of `RequestResolver` have a fiber and a context of their
 * own, for a thirtieth of a look-up (decision 0016).
 */
export const together = <Q, A, E>({
  one,
  several
}: Ways<Q, A, E>): Effect.Effect<(question: Q) => Effect.Effect<A, E>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    let open: Batch<Q, A, E> | undefined
    const answer = Effect.fnUntraced(function* (batch: Batch<Q, A, E>) {
      batch.answering ??= yield* Effect.forkIn(several(batch.asked), scope)
      yield* Fiber.join(batch.answering)
    })
    return (question) =>
      Effect.suspend(() => {
        const asked: Asked<Q, A, E> = { question, exit: unanswered }
        const batch = (open ??= { asked: [] })
        batch.asked.push(asked)
        return Effect.flatMap(tick, () => {
          if (open === batch) open = undefined
          return batch.asked.length === 1 ? one(question) : Effect.flatMap(answer(batch), () => asked.exit)
        })
      })
  })

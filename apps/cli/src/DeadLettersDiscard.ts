import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { Array, Console, Effect } from "effect"
import { counted, findSome, type Some } from "./DeadLetters.ts"

/** Removes the dead letters that are named. */
export const run = Effect.fnUntraced(function* (named: Some) {
  const found = yield* findSome(named)
  const letters = yield* DeadLetters
  const counts = yield* Effect.forEach(Array.chunksOf(found, 500), (some) => letters.remove(some.map(({ id }) => id)))
  yield* Console.log(`${counted(counts.reduce((sum, count) => sum + count, 0))} discarded`)
})

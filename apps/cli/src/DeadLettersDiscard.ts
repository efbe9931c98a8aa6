import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { Array, Console, Effect } from "effect"
import { formatCount, find, type Selection } from "./DeadLetters.ts"

/** Removes the selected dead letters. */
export const run = Effect.fnUntraced(function* (selection: Selection) {
  const found = yield* find(selection)
  const letters = yield* DeadLetters
  const counts = yield* Effect.forEach(Array.chunksOf(found, 500), (chunk) => letters.remove(chunk.map(({ id }) => id)))
  yield* Console.log(`${formatCount(counts.reduce((sum, count) => sum + count, 0))} discarded`)
})

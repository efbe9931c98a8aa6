import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import type { DeadLetter, DeadLetterId } from "@user-service/domain/DeadLetter"
import { Console, DateTime, Effect, type Option } from "effect"
import { formatCount, filterOf } from "./DeadLetters.ts"
import { oneLine } from "./Failure.ts"

const lineOf = ({ id, isCut, messageId, queue, reason, receivedAt, size }: DeadLetter): string =>
  oneLine(
    [
      id,
      DateTime.formatIso(receivedAt),
      reason,
      `${size} bytes${isCut ? ", cut" : ""}`,
      queue,
      `message ${messageId ?? "without id"}`
    ].join("  ")
  )

const utf8 = new TextDecoder()

interface ListInput {
  readonly ids: ReadonlyArray<DeadLetterId>
  readonly reason: Option.Option<string>
  readonly limit: number
  /** How many bytes of each body to show. */
  readonly bodies: number
}

/** Prints a line for each dead letter, then their number and the number of all. */
export const run = Effect.fnUntraced(function* ({ bodies, limit, ...selection }: ListInput) {
  yield* requireMigrated
  const letters = yield* DeadLetters
  const found = yield* letters.find(filterOf(selection), limit)
  const contents =
    bodies > 0
      ? yield* letters.contents(
          found.map(({ id }) => id),
          bodies
        )
      : []
  const bodyOf = new Map(contents.map(({ body, id }) => [id, oneLine(utf8.decode(body))]))
  for (const letter of found) {
    yield* Console.log(lineOf(letter))
    const body = bodyOf.get(letter.id)
    if (body !== undefined) yield* Console.log(`  ${body}`)
  }
  const { count } = yield* letters.waiting
  yield* Console.log(`${formatCount(found.length)} of ${count}`)
})

import { DeadLetters } from "@user-service/core/dead-letters/DeadLetters"
import { DeadLettersRepo, type Which } from "@user-service/core/dead-letters/DeadLettersRepo"
import { requireMigrated } from "@user-service/database/MigrateOnStart"
import { Storage } from "@user-service/database/Storage"
import { type DeadLetter, DeadLetterId } from "@user-service/domain/DeadLetter"
import { Array, Console, DateTime, Effect, Layer, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Digest, SecureRandom } from "effect/crypto"
import * as Database from "./Database.ts"
import { oneLine } from "./Failure.ts"

/** A call that means all dead letters has to say so. */
export class NoneNamed extends Schema.TaggedError<NoneNamed>()("NoneNamed", {}) {
  override get message() {
    return "Name dead letters by their ids, by --reason, or all of them by --all"
  }
}

export const layer = DeadLetters.layer.pipe(
  Layer.provide([DeadLettersRepo.layer, Storage.layer, SecureRandom.layerWebCrypto, Digest.layerWebCrypto])
)

const most = 10_000

const limitOf = (standard: number) =>
  Flag.Int("limit").pipe(
    Flag.withDescription(`How many at most, the first that came (${standard})`),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: most }))),
    Flag.withDefault(standard)
  )
const ids = Argument.String("id").pipe(
  Argument.withDescription("Those with these ids"),
  Argument.withSchema(DeadLetterId),
  Argument.variadic()
)
const reason = Flag.String("reason").pipe(Flag.withDescription("Those that are dead for this"), Flag.optional)

/** Which dead letters a command is to change. */
export const some = {
  ids,
  reason,
  all: Flag.Boolean("all").pipe(Flag.withDescription("All of them"), Flag.withDefault(false)),
  limit: limitOf(most)
}

interface Named {
  readonly ids: ReadonlyArray<DeadLetterId>
  readonly reason: Option.Option<string>
}

const whichOf = (named: Named): Which => ({
  ...(named.ids.length > 0 ? { ids: named.ids } : {}),
  ...(Option.isSome(named.reason) ? { reason: named.reason.value } : {})
})

/** Those that the call names. What dies again meanwhile has another id, and is not among them. */
export const findSome = Effect.fnUntraced(function* (named: Named & { readonly all: boolean; readonly limit: number }) {
  yield* requireMigrated
  if (!named.all && named.ids.length === 0 && Option.isNone(named.reason)) return yield* new NoneNamed()
  return yield* DeadLetters.use((letters) => letters.find(whichOf(named), named.limit))
})

/** `1 dead letter`, `2 dead letters`. */
export const counted = (count: number): string => `${count} dead letter${count === 1 ? "" : "s"}`

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

const shownBytes = 2000
const utf8 = new TextDecoder()

export const deadLettersList = Command.make(
  "list",
  {
    ids,
    reason,
    limit: limitOf(50),
    bodies: Flag.Boolean("bodies").pipe(
      Flag.withDescription(`What they say too, up to ${shownBytes} bytes: it may hold push tokens and addresses`),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function* ({ bodies, limit, ...named }) {
    yield* requireMigrated
    const letters = yield* DeadLetters
    const found = yield* letters.find(whichOf(named), limit)
    const contents = bodies
      ? yield* letters.contents(
          found.map(({ id }) => id),
          shownBytes
        )
      : []
    const bodyOf = new Map(contents.map(({ body, id }) => [id, oneLine(utf8.decode(body))]))
    for (const letter of found) {
      yield* Console.log(lineOf(letter))
      const body = bodyOf.get(letter.id)
      if (body !== undefined) yield* Console.log(`  ${body}`)
    }
    const { count } = yield* letters.waiting
    yield* Console.log(`${counted(found.length)} of ${count}`)
  })
).pipe(
  Command.withDescription(
    "Lists the dead letters in the order they came. What they say is not shown unless asked for, since it may be secret."
  ),
  Command.withShortDescription("List them"),
  Command.withExamples([
    { command: "cli dead-letters list --reason unknown_notification", description: "Those of one reason" }
  ]),
  Command.provide(layer),
  Command.provide(Database.layer)
)

export const deadLettersDiscard = Command.make(
  "discard",
  some,
  Effect.fnUntraced(function* (named) {
    const found = yield* findSome(named)
    const letters = yield* DeadLetters
    const counts = yield* Effect.forEach(Array.chunksOf(found, 500), (some) => letters.remove(some.map(({ id }) => id)))
    yield* Console.log(`${counted(counts.reduce((sum, count) => sum + count, 0))} discarded`)
  })
).pipe(
  Command.withDescription("Removes dead letters for good."),
  Command.withShortDescription("Remove them for good"),
  Command.withExamples([
    { command: "cli dead-letters discard --reason undecodable", description: "All of one reason" }
  ]),
  Command.provide(layer),
  Command.provide(Database.layer)
)

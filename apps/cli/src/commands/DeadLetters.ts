import { DeadLetterId } from "@user-service/domain/DeadLetter"
import { Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

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
const some = {
  ids,
  reason,
  all: Flag.Boolean("all").pipe(Flag.withDescription("All of them"), Flag.withDefault(false)),
  limit: limitOf(most)
}

const services = loadLayer(() => import("../DeadLetters.ts"))

/** How much of each body is shown. */
const shownBytes = 2000

export const deadLettersList = Command.make(
  "list",
  {
    ids,
    reason,
    limit: limitOf(50),
    bodies: Flag.Boolean("bodies").pipe(
      Flag.withDescription(`What they say too, up to ${shownBytes} bytes: it may hold push tokens and addresses`),
      Flag.withDefault(false),
      Flag.map((shown) => (shown ? shownBytes : 0))
    )
  },
  load(() => import("../DeadLettersList.ts"))
).pipe(
  Command.withDescription(
    "Lists the dead letters in the order they came. What they say is not shown unless asked for, since it may be secret."
  ),
  Command.withShortDescription("List them"),
  Command.withExamples([
    { command: "cli dead-letters list --reason unknown_notification", description: "Those of one reason" }
  ]),
  Command.provide(services)
)

export const deadLettersReplay = Command.make(
  "replay",
  some,
  load(() => import("../DeadLettersReplay.ts"))
).pipe(
  Command.withDescription(
    "Publishes dead letters to the queue they died in, as they were, and removes those that the broker confirms. What is still " +
      "wrong with one makes it a dead letter again. Safe to run again: what is told twice comes to the same."
  ),
  Command.withShortDescription("Try them once more"),
  Command.withExamples([{ command: "cli dead-letters replay --all", description: "Everything that waits" }]),
  Command.provide(loadLayer(() => import("../DeadLettersReplay.ts")))
)

export const deadLettersDiscard = Command.make(
  "discard",
  some,
  load(() => import("../DeadLettersDiscard.ts"))
).pipe(
  Command.withDescription("Removes dead letters for good."),
  Command.withShortDescription("Remove them for good"),
  Command.withExamples([
    { command: "cli dead-letters discard --reason undecodable", description: "All of one reason" }
  ]),
  Command.provide(services)
)

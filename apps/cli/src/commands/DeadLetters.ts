import { DeadLetterId } from "@user-service/domain/DeadLetter"
import { Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { load, loadLayer } from "./Program.ts"

const maxLimit = 10_000

const limitOf = (defaultLimit: number) =>
  Flag.Int("limit").pipe(
    Flag.withDescription(`The most dead letters, the oldest first (${defaultLimit})`),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxLimit }))),
    Flag.withDefault(defaultLimit)
  )
const ids = Argument.String("id").pipe(
  Argument.withDescription("The dead letters with these ids"),
  Argument.withSchema(DeadLetterId),
  Argument.variadic()
)
const reason = Flag.String("reason").pipe(Flag.withDescription("The dead letters with this reason"), Flag.optional)

/** The dead letters that a command changes. */
const selection = {
  ids,
  reason,
  all: Flag.Boolean("all").pipe(Flag.withDescription("All dead letters"), Flag.withDefault(false)),
  limit: limitOf(maxLimit)
}

const services = loadLayer(() => import("../DeadLetters.ts"))

/** The bytes of a body that `list --bodies` prints. */
const shownBytes = 2000

export const deadLettersList = Command.make(
  "list",
  {
    ids,
    reason,
    limit: limitOf(50),
    bodies: Flag.Boolean("bodies").pipe(
      Flag.withDescription(
        `Also print the bodies, up to ${shownBytes} bytes each; they may contain push tokens and addresses`
      ),
      Flag.withDefault(false),
      Flag.map((shown) => (shown ? shownBytes : 0))
    )
  },
  load(() => import("../DeadLettersList.ts"))
).pipe(
  Command.withDescription(
    "Lists the dead letters, the oldest first. Their bodies are only printed with --bodies, since they may be secret."
  ),
  Command.withShortDescription("List dead letters"),
  Command.withExamples([
    { command: "cli dead-letters list --reason unknown_notification", description: "The dead letters of one reason" }
  ]),
  Command.provide(services)
)

export const deadLettersReplay = Command.make(
  "replay",
  selection,
  load(() => import("../DeadLettersReplay.ts"))
).pipe(
  Command.withDescription(
    "Publishes dead letters unchanged to their original queue and removes those that the broker confirms. A message that still " +
      "cannot be processed becomes a dead letter again. Safe to repeat: a status that is consumed twice is applied once."
  ),
  Command.withShortDescription("Publish dead letters to their queue again"),
  Command.withExamples([{ command: "cli dead-letters replay --all", description: "All dead letters" }]),
  Command.provide(loadLayer(() => import("../DeadLettersReplay.ts")))
)

export const deadLettersDiscard = Command.make(
  "discard",
  selection,
  load(() => import("../DeadLettersDiscard.ts"))
).pipe(
  Command.withDescription("Removes dead letters for good."),
  Command.withShortDescription("Remove dead letters for good"),
  Command.withExamples([
    { command: "cli dead-letters discard --reason undecodable", description: "The dead letters of one reason" }
  ]),
  Command.provide(services)
)

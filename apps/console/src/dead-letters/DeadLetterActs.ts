import { ReasonInput } from "@user-service/schema/http/admin/StaffActsApi"
import { Effect, Schema } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import { linkPart, linkParts } from "../ui/LinkParts.ts"
import type { DeadLetterView } from "./DeadLetterQuery.ts"

interface DeadLetterAct {
  readonly label: string
  readonly isDestructive: boolean
  readonly isOffered: (letter: DeadLetterView) => boolean
  /** What it will do, in a sentence. */
  readonly effect: string
  /** Does it, and says what has happened. */
  readonly perform: (id: string, reason: string) => Promise<string>
}

const operations = api["admin-operations"]

/** The acts on a dead letter, by the names that links to them have. */
export const deadLetterActs = {
  replay: {
    label: "Replay",
    isDestructive: false,
    isOffered: ({ is_cut, replay_requested_at }) => !is_cut && replay_requested_at === null,
    effect:
      "A worker publishes the message to its queue again, within seconds and at least once, and then deletes the letter. A message that fails again comes back as another letter.",
    perform: async (id, reason) => {
      await run(
        Effect.flatMap(decodeInput(ReasonInput)({ reason }), (payload) =>
          operations.replayDeadLetter({ params: { id }, payload })
        )
      )
      return "The replay is requested. The letter disappears from this list when a worker has published the message."
    }
  },
  discard: {
    label: "Discard",
    isDestructive: true,
    isOffered: () => true,
    effect: "Deletes the message for good. What it was about does not happen, and nobody is notified.",
    perform: async (id, reason) => {
      await run(
        Effect.flatMap(decodeInput(ReasonInput)({ reason }), (payload) =>
          operations.discardDeadLetter({ params: { id }, payload })
        )
      )
      return "The message is deleted."
    }
  }
} as const satisfies Record<string, DeadLetterAct>

export type DeadLetterActName = keyof typeof deadLetterActs

const isDeadLetterActName = (name: string): name is DeadLetterActName => Object.hasOwn(deadLetterActs, name)

/** The selected reason in the query of a link, the open act, and the id of its letter. */
export const deadLetterSearchIn = linkParts(
  Schema.Struct({
    reason: linkPart(Schema.NonEmptyString),
    act: linkPart(Schema.String.pipe(Schema.refine(isDeadLetterActName))),
    target: linkPart(Schema.String)
  })
)

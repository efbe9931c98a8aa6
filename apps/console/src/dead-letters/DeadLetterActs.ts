import { ReasonInput } from "@user-service/schema/http/admin/StaffActsApi"
import { Effect } from "effect"
import { decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
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

const isDeadLetterActName = (name: unknown): name is DeadLetterActName =>
  typeof name === "string" && Object.hasOwn(deadLetterActs, name)

/** What the link of the dead letters has: the selected reason, and the open act. */
export interface DeadLetterLinkSearch {
  readonly reason?: string
  readonly act?: DeadLetterActName
  /** The id of the letter of the act. */
  readonly target?: string
}

/** The selection and the act in the query of a link. */
export const deadLetterSearchIn = ({
  act,
  reason,
  target
}: Readonly<Record<string, unknown>>): DeadLetterLinkSearch => ({
  // The router reads some texts as numbers or booleans.
  ...(reason === "" || !["string", "number", "boolean"].includes(typeof reason) ? {} : { reason: String(reason) }),
  ...(isDeadLetterActName(act) && typeof target === "string" ? { act, target } : {})
})

// Dead letters in the hands of staff (decision 0044).
import * as Storage from "@user-service/database/Storage"
import type { CursorInvalid, CursorPage } from "@user-service/domain/Cursor"
import { DeadLetter, DeadLetterCut, type DeadLetterId, DeadLetterNotFound } from "@user-service/domain/DeadLetter"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import { Changes } from "../changes/Changes.ts"
import { Cursors } from "../Cursors.ts"
import { DeadLettersRepo } from "../dead-letters/DeadLettersRepo.ts"

/** A page of dead letters. */
export interface DeadLetterPageRequest {
  /** Only letters with this reason. */
  readonly reason?: string
  readonly limit: number
  readonly cursor?: string
}

/** Shows dead letters to staff, and lets them replay and discard single ones. */
export class StaffDeadLetters extends Context.Service<
  StaffDeadLetters,
  {
    /** The oldest first. */
    readonly page: (
      request: DeadLetterPageRequest
    ) => Effect.Effect<CursorPage<DeadLetter>, CursorInvalid | ServiceUnavailable>
    /** Marks the letter for a worker, which publishes and deletes it. A second request changes nothing. */
    readonly requestReplay: (
      id: DeadLetterId
    ) => Effect.Effect<DeadLetter, DeadLetterNotFound | DeadLetterCut | ServiceUnavailable>
    /** Deletes the letter. */
    readonly discard: (id: DeadLetterId) => Effect.Effect<void, DeadLetterNotFound | ServiceUnavailable>
  }
>()("@user-service/core/staff/StaffDeadLetters") {
  static readonly layerNoDeps = Layer.effect(
    StaffDeadLetters,
    Effect.gen(function* () {
      const repo = yield* DeadLettersRepo
      const storage = yield* Storage.Storage
      const cursors = yield* Cursors
      const changes = yield* Changes

      const page = Effect.fn("StaffDeadLetters.page")(function* ({ cursor, limit, reason }: DeadLetterPageRequest) {
        const scope = ["dead-letters", reason ?? null]
        const after = cursor === undefined ? undefined : yield* cursors.decode(scope, cursor, (value) => value === null)
        const filter = {
          ...(reason === undefined ? {} : { reason }),
          ...(after === undefined ? {} : { after: after.id })
        }
        // One more than the page, to know whether another page follows.
        const found = yield* storage.read(repo.find(filter, limit + 1))
        const items = found.slice(0, limit)
        const last = found.length > limit ? items.at(-1) : undefined
        return {
          items,
          nextCursor: last === undefined ? null : yield* cursors.encode(scope, { value: null, id: last.id })
        }
      })

      const lock = (id: DeadLetterId) =>
        Effect.flatMap(
          repo.lock(id),
          Option.match({ onNone: () => Effect.fail(new DeadLetterNotFound()), onSome: Effect.succeed })
        )

      const requestReplay = Effect.fn("StaffDeadLetters.requestReplay")((id: DeadLetterId) =>
        changes.changeByAct(
          "replay_dead_letter",
          Effect.gen(function* () {
            const letter = yield* lock(id)
            if (letter.isCut) return yield* new DeadLetterCut()
            if (letter.replayRequestedAt !== null) return { result: letter, events: [], audit: [] }
            const now = yield* DateTime.now
            yield* repo.requestReplay(id, now)
            const requested = new DeadLetter({ ...letter, replayRequestedAt: now })
            const details = { before: detailsOf(letter), after: detailsOf(requested) }
            return {
              result: requested,
              events: [],
              audit: [{ userId: null, action: "dead_letter.replay_requested", details }]
            }
          })
        )
      )

      const discard = Effect.fn("StaffDeadLetters.discard")((id: DeadLetterId) =>
        changes.changeByAct(
          "discard_dead_letter",
          Effect.gen(function* () {
            const letter = yield* lock(id)
            yield* repo.remove([id])
            const details = { before: detailsOf(letter), after: null }
            return {
              result: undefined,
              events: [],
              audit: [{ userId: null, action: "dead_letter.discarded", details }]
            }
          })
        )
      )

      return { page, requestReplay, discard }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([DeadLettersRepo.layer, Cursors.layer, Changes.layer]))
}

// Without what senders write (the reason, the routing key and the id of the message): it may be personal data, which an erasure
// would not find here.
const detailsOf = ({ id, queue, receivedAt, replayRequestedAt, size }: DeadLetter) => ({
  id,
  queue,
  size,
  receivedAt: DateTime.formatIso(receivedAt),
  replayRequestedAt: replayRequestedAt === null ? null : DateTime.formatIso(replayRequestedAt)
})

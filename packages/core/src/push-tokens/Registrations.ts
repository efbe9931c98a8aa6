import type { DomainEvent } from "@user-service/domain/DomainEvent"
import { type DeviceToken, type Platform, type PushToken, PushTokenId } from "@user-service/domain/PushToken"
import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"
import { Config, Context, Data, DateTime, Effect, Layer, Option, Schema } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import { added, removed } from "./PushTokenEvents.ts"
import { type PushTokenFields, PushTokensRepo } from "./PushTokensRepo.ts"

/** What an app registers. */
export interface Registration extends PushTokenFields {
  readonly token: DeviceToken
  readonly platform: Platform
}

/** A registered token, whether its row is new, and what there is to tell of it. */
export interface Registered {
  readonly token: PushToken
  readonly isNew: boolean
  readonly events: ReadonlyArray<DomainEvent>
}

/** The token belongs to a user whose row this transaction has not locked: start again with theirs as well. */
export class HolderNotLocked extends Data.TaggedError("HolderNotLocked")<{}> {}

/**
 * Starts again for as long as the holder was not locked. It ends by itself: each time somebody else has registered the
 * token between the look and the lock, and so is done.
 */
export const untilLocked = <A, E, R>(change: Effect.Effect<A, E | HolderNotLocked, R>) =>
  Effect.retry(change, { while: (error): error is HolderNotLocked => error instanceof HolderNotLocked })

/** `MAX_PUSH_TOKENS`: how many active tokens a user may have. */
export const config = Config.schema(Schema.Int.check(Schema.isGreaterThan(0)), "MAX_PUSH_TOKENS").pipe(
  Config.withDefault(20)
)

// What another user called the device is nothing the new owner should see.
const unnamed: PushTokenFields = { tokenType: "fcm", deviceId: "", deviceName: "" }

/** How a token is registered inside a change: for the features whose transactions do. */
export class Registrations extends Context.Service<
  Registrations,
  {
    /** Who holds the token now, if anyone: their row is to be locked too. */
    readonly holder: (token: DeviceToken) => Effect.Effect<Option.Option<UserId>, SqlError.SqlError>
    /**
     * An upsert: one row a token, and one a named device of a user. It reactivates, moves the token here from whoever
     * held it, and deletes the longest unused active token beyond the limit.
     */
    readonly register: (
      owner: { readonly userId: UserId; readonly sessionId: SessionId },
      registration: Registration,
      locked: ReadonlyArray<UserId>
    ) => Effect.Effect<Registered, HolderNotLocked | SqlError.SqlError>
    /** Deletes the user's longest unused active tokens beyond the limit, never `keep`, and tells of them. */
    readonly evict: (userId: UserId, keep: PushTokenId) => Effect.Effect<ReadonlyArray<DomainEvent>, SqlError.SqlError>
  }
>()("@user-service/core/push-tokens/Registrations") {
  static readonly layer = (settings: { readonly maxActive: number }) =>
    Layer.effect(
      Registrations,
      Effect.gen(function* () {
        const repo = yield* PushTokensRepo
        const digest = yield* Digest.Digest
        const random = yield* SecureRandom.SecureRandom
        const encoder = new TextEncoder()

        const hash = (token: DeviceToken) => digest.digest(Digest.sha256, encoder.encode(token))

        const evict = (userId: UserId, keep: PushTokenId) =>
          Effect.map(repo.evict(userId, settings.maxActive, keep), (evicted) => removed(evicted, "evicted"))

        const register = Effect.fn("Registrations.register")(function* (
          owner: { readonly userId: UserId; readonly sessionId: SessionId },
          { platform, token, ...fields }: Registration,
          locked: ReadonlyArray<UserId>
        ) {
          const now = yield* DateTime.now
          const stored = { token, tokenHash: yield* hash(token), platform }
          const found = yield* repo.held(owner.userId, stored.tokenHash, {
            deviceId: fields.deviceId ?? null,
            platform
          })
          const sameToken = found.find((row) => row.isSameToken)
          const sameDevice = found.find((row) => !row.isSameToken)
          if (sameToken !== undefined && !locked.includes(sameToken.userId)) return yield* new HolderNotLocked()

          // The device's row keeps its id, so the row that held the token elsewhere makes room for it.
          const existing = sameDevice ?? sameToken
          const moved = sameToken !== undefined && sameToken.userId !== owner.userId
          if (sameDevice !== undefined && sameToken !== undefined) {
            yield* repo.remove(sameToken.userId, [sameToken.id])
          }
          const row =
            existing === undefined
              ? yield* Effect.flatMap(
                  repo.insert(PushTokenId.make(yield* random.uuidV7()), owner, stored, fields, now),
                  Option.match({ onNone: () => Effect.fail(new HolderNotLocked()), onSome: Effect.succeed })
                )
              : yield* repo.rebind(existing.id, owner, stored, moved ? { ...unnamed, ...fields } : fields, now)

          const evicted = row.isActive ? yield* evict(owner.userId, row.id) : []
          const replaced = sameDevice !== undefined && sameDevice.isActive ? [sameDevice] : []
          const transferred = moved && sameToken.isActive ? [sameToken] : []
          const wasLiveHere = sameToken !== undefined && !moved && sameToken.isActive
          const silenced = wasLiveHere && !row.isActive ? [sameToken] : []
          return {
            token: row,
            isNew: existing === undefined,
            events: [
              ...removed(transferred, "transferred"),
              ...removed(replaced, "replaced"),
              ...removed(silenced, "deactivated"),
              ...(row.isActive && !wasLiveHere ? [added({ id: row.id, userId: owner.userId, token, platform })] : []),
              ...evicted
            ]
          }
        })

        const holder = (token: DeviceToken) => Effect.flatMap(hash(token), repo.holder)

        return { holder, register, evict }
      })
    )
}

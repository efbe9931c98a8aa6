import type { DomainEvent } from "@user-service/domain/DomainEvent"
import { type DeviceToken, type Platform, type PushToken, PushTokenId } from "@user-service/domain/PushToken"
import { TokenInvalid } from "@user-service/domain/Token"
import type { UserId } from "@user-service/domain/User"
import { Config, Context, Data, DateTime, Effect, Layer, Option, Schema } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import { added, removed } from "./PushTokenEvents.ts"
import { type Owner, type PushTokenFields, PushTokensRepo, type StoredToken } from "./PushTokensRepo.ts"

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

/**
 * The token belongs to a user whose row this transaction has not locked: start again with theirs as well. None where it
 * was stored too late to see whose it is.
 */
export class HolderNotLocked extends Data.TaggedError("HolderNotLocked")<{ readonly holder: Option.Option<UserId> }> {}

/**
 * Makes the change with nobody else locked, as most tokens are new or their owner's, and begins it again with whoever turns
 * out to hold the token. It ends by itself: each time somebody else has registered the token meanwhile, and so is done.
 */
export const untilLocked = <A, E, R>(
  change: (holder: Option.Option<UserId>) => Effect.Effect<A, E | HolderNotLocked, R>,
  holder: Option.Option<UserId> = Option.none()
): Effect.Effect<A, E, R> =>
  Effect.catch(change(holder), (error): Effect.Effect<A, E, R> =>
    error instanceof HolderNotLocked ? untilLocked(change, error.holder) : Effect.fail(error)
  )

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
    /**
     * An upsert: one row a token, and one a named device of a user. It reactivates, moves the token here from whoever
     * held it, and deletes the longest unused active token beyond the limit. `TokenInvalid` when the session has ended.
     */
    readonly register: <E>(
      owner: Owner,
      registration: Registration,
      locked: Effect.Effect<ReadonlyArray<UserId>, E>
    ) => Effect.Effect<Registered, TokenInvalid | HolderNotLocked | SqlError.SqlError | E>
    /** The change that most registrations are, in one statement; see `PushTokensRepo.registering`. */
    readonly usual: (
      owner: Owner,
      registration: Registration
    ) => Effect.Effect<ReturnType<PushTokensRepo["Service"]["registering"]>>
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

        const insert = Effect.fnUntraced(function* (
          owner: Owner,
          stored: StoredToken,
          fields: PushTokenFields,
          now: DateTime.Utc
        ) {
          const id = PushTokenId.make(yield* random.uuidV7())
          const inserted = yield* repo.insert(id, owner, stored, fields, settings.maxActive, now)
          if (Option.isNone(inserted)) return yield* new HolderNotLocked({ holder: Option.none() })
          return { row: inserted.value.token, evicted: removed(inserted.value.evicted, "evicted") }
        })

        const rebind = Effect.fnUntraced(function* (
          id: PushTokenId,
          owner: Owner,
          stored: StoredToken,
          fields: PushTokenFields,
          wasLive: boolean,
          now: DateTime.Utc
        ) {
          const row = yield* repo.rebind(id, owner, stored, fields, now)
          // One that was live already, as most are that apps register at each start, makes no more of them.
          return { row, evicted: row.isActive && !wasLive ? yield* evict(owner.userId, id) : [] }
        })

        const usual = Effect.fnUntraced(function* (owner: Owner, { platform, token, ...fields }: Registration) {
          const stored = { token, tokenHash: yield* hash(token), platform }
          const id = PushTokenId.make(yield* random.uuidV7())
          return repo.registering(id, owner, stored, fields, settings.maxActive, yield* DateTime.now)
        })

        const register = Effect.fn("Registrations.register")(function* <E>(
          owner: Owner,
          { platform, token, ...fields }: Registration,
          locked: Effect.Effect<ReadonlyArray<UserId>, E>
        ) {
          const now = yield* DateTime.now
          const stored = { token, tokenHash: yield* hash(token), platform }
          const device = { deviceId: fields.deviceId ?? null, platform }
          const { found, isAlive } = yield* repo.held(owner, stored.tokenHash, device, now)
          // It may have ended since it was let in, and what it registers now would fall silent with nothing.
          if (!isAlive) return yield* new TokenInvalid()
          const sameToken = found.find((row) => row.isSameToken)
          const sameDevice = found.find((row) => !row.isSameToken)
          if (sameToken !== undefined && !(yield* locked).includes(sameToken.userId)) {
            return yield* new HolderNotLocked({ holder: Option.some(sameToken.userId) })
          }

          // The device's row keeps its id, so the row that held the token elsewhere makes room for it.
          const existing = sameDevice ?? sameToken
          const moved = sameToken !== undefined && sameToken.userId !== owner.userId
          if (sameDevice !== undefined && sameToken !== undefined) {
            yield* repo.remove(sameToken.userId, [sameToken.id])
          }
          const wasLive = existing !== undefined && existing.isActive && existing.userId === owner.userId
          const { evicted, row } = yield* existing === undefined
            ? insert(owner, stored, fields, now)
            : rebind(existing.id, owner, stored, moved ? { ...unnamed, ...fields } : fields, wasLive, now)
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

        return { register, usual, evict }
      })
    )
}

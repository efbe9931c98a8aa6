import type { DomainEvent } from "@user-service/domain/DomainEvent"
import { DeviceTokenMalformed, formOf, spellingsOf } from "@user-service/domain/DeviceTokenForm"
import {
  type DeviceToken,
  type PushToken,
  PushTokenId,
  type TokenRemovalReason,
  type TokenType,
  type PushTokenPatch,
  type PushTokenRegistration
} from "@user-service/domain/PushToken"
import { TokenInvalid } from "@user-service/domain/Token"
import type { UserId } from "@user-service/domain/User"
import { Context, Data, DateTime, Effect, Layer, Option } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import type { SqlError } from "effect/sql"
import type { StatementChange } from "../changes/ChangesRepo.ts"
import { InactivePushTokens } from "./InactivePushTokens.ts"
import { pushTokenAdded, pushTokensRemoved } from "./PushTokenEvents.ts"
import * as Storage from "@user-service/database/Storage"
import type {
  FoundRow,
  HeldToken,
  PushTokenOwner,
  RegisteredRow,
  RegistrationValues,
  Respelling
} from "./PushTokenRows.ts"
import { PushTokenSettings } from "./PushTokenSettings.ts"
import { PushTokensRepo } from "./PushTokensRepo.ts"
import { RegistrationsRepo } from "./RegistrationsRepo.ts"

/** A registered token, whether its row is new, and what there is to tell of it. */
export interface RegistrationResult {
  readonly token: PushToken
  readonly isNew: boolean
  readonly events: ReadonlyArray<DomainEvent>
}

/**
 * The token belongs to users whose rows this transaction has not locked: start again with theirs as well. Empty where
 * another transaction stored the token too late to see whose it is.
 */
export class TokenHolderUnlocked extends Data.TaggedError("TokenHolderUnlocked")<{
  readonly holders: ReadonlyArray<UserId>
}> {}

/**
 * Makes the change with nobody else locked, as most tokens are new or their owner's, and begins it again with whoever turns
 * out to hold the token. It ends by itself: each time somebody else has registered the token meanwhile, and so is done.
 */
export const retryLockingHolder = <A, E, R>(
  change: (holders: ReadonlyArray<UserId>) => Effect.Effect<A, E | TokenHolderUnlocked, R>,
  holders: ReadonlyArray<UserId> = []
): Effect.Effect<A, E, R> =>
  Effect.catch(change(holders), (error): Effect.Effect<A, E, R> =>
    error instanceof TokenHolderUnlocked ? retryLockingHolder(change, error.holders) : Effect.fail(error)
  )

/** The type of a token that is registered without one. */
const defaultType: TokenType = "fcm"

const malformed = (tokenType: TokenType) => Effect.fail(new DeviceTokenMalformed({ field: "token", tokenType }))

// What another user called the device is nothing the new owner should see.
const unnamed: PushTokenPatch = { deviceId: "", deviceName: "" }

// Of a type that is not given: the one that the token, or else its device, is known by.
const formIn = (
  { token, tokenType }: PushTokenRegistration,
  known: ReadonlyArray<HeldToken>
): Effect.Effect<{ readonly type: TokenType; readonly form: DeviceToken }, DeviceTokenMalformed> => {
  const types = tokenType === undefined ? [...known.map((row) => row.tokenType), defaultType] : [tokenType]
  const forms = types.flatMap((type) => Option.toArray(Option.map(formOf(type, token), (form) => ({ type, form }))))
  return forms[0] === undefined ? malformed(tokenType ?? defaultType) : Effect.succeed(forms[0])
}

type Found = (typeof FoundRow.Type)["found"][number]

// Others know a token by its text: one that was live here and still is need not be mentioned.
const eventsOf = (
  registered: Omit<HeldToken, "tokenType">,
  found: ReadonlyArray<Found>
): ReadonlyArray<DomainEvent> => {
  const { isActive, token, userId } = registered
  const isOwn = (row: Found) => row.userId === userId
  const staysLive = (row: Found) => isActive && isOwn(row) && row.isActive && row.token === token
  const reasonFor = (row: Found): TokenRemovalReason =>
    isOwn(row) ? (isActive || !row.isSameToken ? "replaced" : "deactivated") : "transferred"
  const gone = found.filter((row) => row.isActive && !staysLive(row))
  return [
    ...gone.flatMap((row) => pushTokensRemoved([row], reasonFor(row))),
    ...(isActive && !found.some(staysLive) ? [pushTokenAdded(registered)] : [])
  ]
}

interface RegistrationInChange {
  readonly owner: PushTokenOwner
  readonly registration: PushTokenRegistration
  /** The users whose rows the transaction has locked. */
  readonly locked: ReadonlyArray<UserId>
}

/** How a token is registered inside a change: for the features whose transactions do. */
export class Registrations extends Context.Service<
  Registrations,
  {
    /**
     * An upsert: one row a token, and one a named device of a user. It reactivates, moves the token here from whoever
     * held it, and deletes the longest unused active token beyond the limit. The token is stored in the normal form of its
     * type, and a row that holds it in another spelling is upgraded. `TokenInvalid` when the session has ended.
     */
    readonly register: (
      input: RegistrationInChange
    ) => Effect.Effect<
      RegistrationResult,
      TokenInvalid | DeviceTokenMalformed | TokenHolderUnlocked | SqlError.SqlError
    >
    /** Most registrations as one statement (RegistrationStatement.ts). None if that statement certainly does not apply. */
    readonly fastPath: (
      owner: PushTokenOwner,
      registration: PushTokenRegistration
    ) => Effect.Effect<Option.Option<StatementChange<typeof RegisteredRow.Type>>, DeviceTokenMalformed>
    /** The token in the normal form of the type, and its hash; none where it is spelled so already. */
    readonly respell: (
      token: DeviceToken,
      type: TokenType
    ) => Effect.Effect<Option.Option<Respelling>, DeviceTokenMalformed>
    /** Deletes the user's longest unused active tokens beyond the limit, never `keep`, and tells of them. */
    readonly evict: (userId: UserId, keep: PushTokenId) => Effect.Effect<ReadonlyArray<DomainEvent>, SqlError.SqlError>
  }
>()("@user-service/core/push-tokens/Registrations") {
  static readonly layerNoDeps = Layer.effect(
    Registrations,
    Effect.gen(function* () {
      const repo = yield* RegistrationsRepo
      const pushTokens = yield* PushTokensRepo
      const inactive = yield* InactivePushTokens
      const digest = yield* Digest.Digest
      const random = yield* SecureRandom.SecureRandom
      const { maxTokens } = yield* PushTokenSettings
      const encoder = new TextEncoder()

      const hash = (token: DeviceToken) => digest.digest(Digest.sha256, encoder.encode(token))

      const evict = (userId: UserId, keep: PushTokenId) =>
        Effect.map(repo.evict({ userId, maxActive: maxTokens, keep }), (evicted) =>
          pushTokensRemoved(evicted, "evicted")
        )

      const insert = Effect.fnUntraced(function* (values: RegistrationValues) {
        const id = PushTokenId.make(yield* random.uuidV7())
        const inserted = yield* repo.insert({ ...values, id, maxActive: maxTokens })
        if (Option.isNone(inserted)) return yield* new TokenHolderUnlocked({ holders: [] })
        return { row: inserted.value.token, evicted: pushTokensRemoved(inserted.value.evicted, "evicted") }
      })

      const rebind = Effect.fnUntraced(function* (existing: HeldToken, values: RegistrationValues) {
        const { userId } = values.owner
        const row = yield* repo
          .rebind(existing.id, values)
          .pipe(Storage.onUniqueViolation("push_tokens_token_key", () => new TokenHolderUnlocked({ holders: [] })))
        // The number of the user's live tokens rises only if this one was not live: apps register at each start.
        const wasLive = existing.isActive && existing.userId === userId
        return { row, evicted: row.isActive && !wasLive ? yield* evict(userId, row.id) : [] }
      })

      const fastPath = Effect.fnUntraced(function* (owner: PushTokenOwner, registration: PushTokenRegistration) {
        const { isActive, platform, token, ...fields } = registration
        // Of a type that is not said, a token may be known in a form that is none of the default type.
        const form = formOf(fields.tokenType ?? defaultType, token)
        if (Option.isNone(form) && fields.tokenType !== undefined) return yield* malformed(fields.tokenType)
        if (isActive === false || Option.isNone(form) || spellingsOf(token).length > 1) return Option.none()
        return Option.some(
          repo.registerStatement({
            id: PushTokenId.make(yield* random.uuidV7()),
            owner,
            token: { token, tokenHash: yield* hash(token), platform },
            fields,
            maxActive: maxTokens,
            now: yield* DateTime.now
          })
        )
      })

      const respell = Effect.fnUntraced(function* (token: DeviceToken, type: TokenType) {
        const form = formOf(type, token)
        if (Option.isNone(form)) return yield* new DeviceTokenMalformed({ field: "tokenType", tokenType: type })
        if (form.value === token) return Option.none()
        return Option.some({ token: form.value, tokenHash: yield* hash(form.value) })
      })

      const register = Effect.fn("Registrations.register")(function* ({
        locked,
        owner,
        registration
      }: RegistrationInChange) {
        const { platform, token, ...given } = registration
        const now = yield* DateTime.now
        const hashes = yield* Effect.forEach(spellingsOf(token), hash)
        const { found, isAlive } = yield* repo.held({
          owner,
          tokenHashes: hashes,
          platform,
          deviceId: given.deviceId ?? null,
          now
        })
        // It may have ended since it was let in, and what it registers now would fall silent with nothing.
        if (!isAlive) return yield* new TokenInvalid()
        const same = found.filter((row) => row.isSameToken)
        const sameDevice = found.find((row) => !row.isSameToken)
        const holders = same.map((row) => row.userId)
        if (!holders.every((id) => locked.includes(id))) return yield* new TokenHolderUnlocked({ holders })

        const own = [...same, ...found].filter((row) => row.userId === owner.userId)
        const { form, type } = yield* formIn(registration, own)
        const stored = { token: form, tokenHash: yield* hash(form), platform }
        // The device's row keeps its id, so the rows that held the token elsewhere make room for it.
        const existing = sameDevice ?? same.find((row) => row.token === form) ?? same[0]
        const others = same.filter((row) => row !== existing)
        yield* Effect.forEach(others, (row) => pushTokens.remove(row.userId, [row.id]), { discard: true })
        const fields = { ...(same.every((row) => own.includes(row)) ? {} : unnamed), ...given, tokenType: type }
        const values = { owner, token: stored, fields, now }
        const { evicted, row } = yield* existing === undefined ? insert(values) : rebind(existing, values)
        if (!row.isActive) yield* inactive.trim([owner.userId])
        const registered = { ...stored, id: row.id, userId: owner.userId, isActive: row.isActive }
        return {
          token: row,
          isNew: existing === undefined,
          events: [...eventsOf(registered, found), ...evicted]
        }
      })

      return { register, fastPath, respell, evict }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([InactivePushTokens.layer, PushTokensRepo.layer, RegistrationsRepo.layer])
  )
}

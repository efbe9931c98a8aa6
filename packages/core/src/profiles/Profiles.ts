import { Cache } from "@user-service/cache/Cache"
import * as Storage from "@user-service/database/Storage"
import { UserUpdated } from "@user-service/domain/DomainEvent"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import type { SessionId } from "@user-service/domain/Session"
import { TokenInvalid } from "@user-service/domain/Token"
import {
  type User,
  type UserId,
  UserNotFound,
  type UserPatch,
  UsernameNotAllowed,
  usernameProblem,
  UsernameTaken
} from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option, Struct } from "effect"
import type { SqlError } from "effect/sql"
import { userKey } from "../cached/CacheKeys.ts"
import { CacheSettings } from "../cached/CacheSettings.ts"
import { LiveSessionsRepo } from "../cached/LiveSessionsRepo.ts"
import { type Change, Changes } from "../changes/Changes.ts"
import { ProfilesRepo } from "./ProfilesRepo.ts"
import { Representations } from "../cached/Representations.ts"

/** The user to change, and the session that requests the change. */
interface UpdatingSession {
  readonly userId: UserId
  readonly sessionId: SessionId
}

/** The changes that staff may make to an account. */
export type StaffPatch = Pick<UserPatch, "phoneNumber" | "firstName" | "lastName">

/** Reads users with their profiles and changes them. */
export class Profiles extends Context.Service<
  Profiles,
  {
    /** The user as the database has it now. */
    readonly find: (id: UserId) => Effect.Effect<User, UserNotFound | ServiceUnavailable>
    /** The cached text of the user (see `Representations`). */
    readonly represent: (id: UserId) => Effect.Effect<string, UserNotFound | ServiceUnavailable>
    /** The texts of the users that exist, each once, in the order of their first occurrence in `ids`. */
    readonly representMany: (ids: ReadonlyArray<UserId>) => Effect.Effect<ReadonlyArray<string>, ServiceUnavailable>
    /**
     * Applies the patch and returns the changed user. Fails with `TokenInvalid` if the session has ended, so that nothing that
     * a session requested applies after the change that ended it.
     */
    readonly update: (
      current: UpdatingSession,
      patch: UserPatch
    ) => Effect.Effect<User, TokenInvalid | UsernameTaken | UsernameNotAllowed | UserNotFound | ServiceUnavailable>
    /** Applies the patch for a member of staff. The audit entry has the values before and after. */
    readonly updateByStaff: (id: UserId, patch: StaffPatch) => Effect.Effect<User, UserNotFound | ServiceUnavailable>
    /** The same in the transaction of the caller, who has locked the user and asked the rules. An empty patch changes nothing. */
    readonly staffChange: (
      id: UserId,
      patch: StaffPatch
    ) => Effect.Effect<Change<User>, UserNotFound | SqlError.SqlError>
  }
>()("@user-service/core/profiles/Profiles") {
  static readonly layerNoDeps = Layer.effect(
    Profiles,
    Effect.gen(function* () {
      const cache = yield* Cache
      const repo = yield* ProfilesRepo
      const liveSessions = yield* LiveSessionsRepo
      const storage = yield* Storage.Storage
      const changes = yield* Changes
      const representations = yield* Representations
      const timeToLive = (yield* CacheSettings).user

      const entryOf = (user: User) => ({ version: user.version, value: representations.user(user) })

      const find = Effect.fn("Profiles.find")(function* (id: UserId) {
        const found = yield* storage.read(repo.find(id))
        return Option.isSome(found) ? found.value : yield* new UserNotFound()
      })

      const represent = Effect.fnUntraced(function* (id: UserId) {
        const entry = yield* cache.readThrough(userKey(id), {
          timeToLive,
          load: Effect.map(
            Effect.suspend(() => storage.read(repo.find(id))),
            Option.map(entryOf)
          )
        })
        return Option.isSome(entry) ? entry.value.value : yield* new UserNotFound()
      })

      const representMany = Effect.fn("Profiles.representMany")(function* (ids: ReadonlyArray<UserId>) {
        const byKey = new Map(ids.map((id) => [userKey(id), id]))
        const entries = yield* cache.readThroughMany([...byKey.keys()], {
          timeToLive,
          load: (keys) =>
            Effect.map(
              storage.read(repo.findMany(keys.flatMap((key) => byKey.get(key) ?? []))),
              (users) => new Map(users.map((user) => [userKey(user.id), entryOf(user)]))
            )
        })
        return entries.flatMap(Option.match({ onNone: () => [], onSome: ({ value }) => [value] }))
      })

      // Forms send the username even if it is unchanged, so a user keeps a name that was reserved later.
      const checkUsername = Effect.fnUntraced(function* (id: UserId, username: string) {
        const names = yield* repo.findNames(id)
        if (Option.isNone(names) || names.value.username.toLowerCase() === username.toLowerCase()) return
        const problem = usernameProblem(username, names.value.email)
        if (problem !== undefined) return yield* new UsernameNotAllowed({ problem })
      })

      const update = Effect.fn("Profiles.update")(({ sessionId, userId: id }: UpdatingSession, patch: UserPatch) =>
        changes.change(
          id,
          Effect.gen(function* () {
            const now = yield* DateTime.now
            // The session may have ended since its token was checked, for example by a reset that waited for the lock too.
            const isAlive = yield* liveSessions.isAlive(id, sessionId, now)
            if (!isAlive) return yield* new TokenInvalid()
            if (patch.username !== undefined) yield* checkUsername(id, patch.username)
            yield* repo
              .update(id, patch, now)
              .pipe(Storage.onUniqueViolation("users_username_key", () => new UsernameTaken()))
            const user = yield* repo.find(id)
            if (Option.isNone(user)) return yield* new UserNotFound()
            return {
              result: user.value,
              events: [new UserUpdated({ userId: id, updatedFields: { ...patch } })],
              audit: [{ userId: id, action: "profile.updated", details: { fields: Object.keys(patch).join(" ") } }]
            }
          })
        )
      )

      const staffChange = Effect.fn("Profiles.staffChange")(function* (id: UserId, patch: StaffPatch) {
        const before = yield* repo.find(id)
        if (Option.isNone(before)) return yield* new UserNotFound()
        if (Struct.keys(patch).length === 0) return { result: before.value, events: [], audit: [] }
        yield* repo.update(id, patch, yield* DateTime.now)
        const after = yield* repo.find(id)
        if (Option.isNone(after)) return yield* new UserNotFound()
        const details = { before: valuesOf(before.value, patch), after: valuesOf(after.value, patch) }
        return {
          result: after.value,
          events: [new UserUpdated({ userId: id, updatedFields: { ...patch } })],
          audit: [{ userId: id, action: "profile.updated", details }]
        }
      })

      const updateByStaff = Effect.fn("Profiles.updateByStaff")((id: UserId, patch: StaffPatch) =>
        changes.change(id, staffChange(id, patch))
      )

      return { find, represent, representMany, update, updateByStaff, staffChange }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([ProfilesRepo.layer, LiveSessionsRepo.layer, Changes.layer])
  )
}

// The values of the fields that the patch changes.
const valuesOf = ({ phoneNumber, profile: { firstName, lastName } }: User, patch: StaffPatch) =>
  Struct.pick({ phoneNumber, firstName, lastName }, Struct.keys(patch))

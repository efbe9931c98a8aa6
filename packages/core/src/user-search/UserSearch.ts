import type { CursorInvalid, CursorPage } from "@user-service/domain/Cursor"
import { spellingsOf } from "@user-service/domain/DeviceTokenForm"
import { canonicalEmail, normaliseEmail } from "@user-service/domain/Email"
import { DeviceToken } from "@user-service/domain/PushToken"
import type { Role } from "@user-service/domain/Role"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { PhoneNumber, UserId } from "@user-service/domain/User"
import type { FoundUser, UserSort, UserState } from "@user-service/domain/UserSearch"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { Digest } from "effect/crypto"
import { type CursorScope, Cursors, isMicroseconds, type RowKey } from "../Cursors.ts"
import { PagedReads } from "../PagedReads.ts"
import { type ExactValues, type RareCondition, type UserListRequest, UserSearchRepo } from "./UserSearchRepo.ts"

/** A search of staff. Absent fields select all users. */
export interface UserSearchRequest {
  /** A value that identifies a user, or else a prefix. Surrounding white space and blank texts are ignored. */
  readonly q?: string
  readonly state?: UserState
  readonly role?: Role
  readonly sort: UserSort
  readonly limit: number
  readonly cursor?: string
}

const isUuid = Schema.is(UserId)
const isPhoneNumber = Schema.is(PhoneNumber)
const decodeToken = Schema.decodeOption(DeviceToken)

/** The characters of phone numbers that only group their digits. The index has the numbers without them. */
const digitsOf = (phoneNumber: string): string => phoneNumber.replaceAll(/[ ()-]/g, "")

const encoder = new TextEncoder()

/**
 * Finds users for staff (decision 0041).
 *
 * `q` is first an exact e-mail address (any spelling), username (any case), phone number, user, session or notification id, or push
 * token. If no user has this value, it is a prefix of e-mail addresses and usernames. A page that the service cannot fill within its
 * bounds is shorter than `limit`, even empty, and has a `nextCursor`: the search goes on from there.
 */
export class UserSearch extends Context.Service<
  UserSearch,
  {
    readonly search: (
      request: UserSearchRequest
    ) => Effect.Effect<CursorPage<FoundUser>, CursorInvalid | ServiceUnavailable>
  }
>()("@user-service/core/user-search/UserSearch") {
  static readonly layerNoDeps = Layer.effect(
    UserSearch,
    Effect.gen(function* () {
      const repo = yield* UserSearchRepo
      const cursors = yield* Cursors
      const { read } = yield* PagedReads
      const digest = yield* Digest.Digest

      const exactValuesOf = Effect.fnUntraced(function* (text: string) {
        const spelling = normaliseEmail(text)
        const token = decodeToken(text)
        const spellings = Option.isSome(token) ? spellingsOf(token.value) : []
        const tokenHashes = yield* Effect.forEach(spellings, (one) => digest.digest(Digest.sha256, encoder.encode(one)))
        return {
          text,
          email: text.includes("@") ? { spelling, canonical: canonicalEmail(spelling) } : null,
          phoneNumber: isPhoneNumber(text) ? digitsOf(text) : null,
          id: isUuid(text) ? text.toLowerCase() : null,
          tokenHashes
        } satisfies ExactValues
      })

      // Tries the conditions that few users may meet, each of which has an index, before it walks through the users in their order.
      const list = Effect.fnUntraced(function* (request: UserListRequest) {
        for (const condition of rareConditions(request)) {
          const found = yield* repo.listByCondition(condition, request)
          if (Option.isSome(found)) return found.value
        }
        return yield* repo.listInOrder(request)
      })

      const listOf = Effect.fnUntraced(function* (text: string, request: UserListRequest) {
        if (text === "") return yield* list(request)
        const exact = yield* repo.listByExactValue(yield* exactValuesOf(text), request)
        return Option.isSome(exact) ? exact.value : yield* list({ ...request, prefix: normaliseEmail(text) })
      })

      const search = Effect.fn("UserSearch.search")(function* (request: UserSearchRequest) {
        const { cursor, limit, role, sort, state } = request
        const text = (request.q ?? "").trim()
        const scope: CursorScope = ["users", text, state ?? null, role ?? null, sort]
        const after = cursor === undefined ? undefined : yield* cursors.decode(scope, cursor, isValueOf(sort))
        const { items, next } = yield* read(listOf(text, { state, role, sort, limit, after }))
        return { items, nextCursor: next === undefined ? null : yield* cursors.encode(scope, next) }
      })

      return { search }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide([UserSearchRepo.layer, Cursors.layer, PagedReads.layer]))
}

const isValueOf =
  (sort: UserSort) =>
  (value: RowKey["value"]): boolean => {
    if (sort.endsWith("email")) return value !== null && !value.includes("\0") && value.isWellFormed()
    return value === null ? sort.endsWith("last_login") : isMicroseconds(value)
  }

// The usually rarest first.
const rareConditions = ({ prefix, role, state }: UserListRequest): ReadonlyArray<RareCondition> => [
  ...(role === undefined ? [] : [{ role }]),
  ...(prefix === undefined ? [] : [{ prefix }]),
  ...(state === undefined || state === "active" ? [] : [{ state }])
]

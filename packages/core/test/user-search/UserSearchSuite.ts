import { assert, it } from "@effect/vitest"
import { UserSearch, type UserSearchRequest } from "@user-service/core/user-search/UserSearch"
import { maxPassed, maxSorted } from "@user-service/core/user-search/UserSearchRepo"
import { Storage } from "@user-service/database/Storage"
import { Email } from "@user-service/domain/Email"
import { Role } from "@user-service/domain/Role"
import { PhoneNumber, Username } from "@user-service/domain/User"
import { type FoundUser, UserSort, UserState } from "@user-service/domain/UserSearch"
import { DateTime, Effect, Layer, Schema } from "effect"
import { Digest } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"

const layerOver = <E>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  UserSearch.layer.pipe(Layer.provideMerge(Storage.layer), Layer.provideMerge([database, Digest.layerWebCrypto]))

interface UserRow {
  readonly email?: string
  readonly email_canonical?: string
  readonly username?: string
  readonly phone_number?: string
  readonly role?: Role
  readonly is_active?: boolean
  readonly is_verified?: boolean
  readonly created_at?: Date
  readonly last_login_at?: Date
}

/** Inserts a user, and returns the id. */
const insert = Effect.fnUntraced(function* (row: UserRow = {}) {
  const sql = yield* SqlClient.SqlClient
  const id = randomUUID()
  const at = new Date()
  const email = `${id}@example.org`
  yield* sql`
    insert into users ${sql.insert({ id, email, username: id, password_hash: "", created_at: at, updated_at: at, is_verified: true, ...row })}`
  return id
})

const suppress = (id: string, email?: string) =>
  SqlClient.SqlClient.use(
    (sql) => sql`
      insert into suppressions (user_id, email, reason, created_at)
      select id, coalesce(${email ?? null}::text, email), 'complaint', now() from users where id = ${id}`
  )

const search = (request: Partial<UserSearchRequest>) =>
  UserSearch.use((service) => service.search({ sort: "-created_at", limit: 100, ...request }))

const idsOf = (request: Partial<UserSearchRequest>) =>
  Effect.map(search(request), ({ items }) => items.map(({ id }) => id as string))

/** All users of the list, page by page. Pages may be short before the end, but not longer than `limit`. */
const allOf = Effect.fnUntraced(function* (request: Partial<UserSearchRequest> & { readonly limit: number }) {
  const found: Array<FoundUser> = []
  let cursor: string | null = null
  do {
    const page: { readonly items: ReadonlyArray<FoundUser>; readonly nextCursor: string | null } = yield* search({
      ...request,
      ...(cursor === null ? {} : { cursor })
    })
    assert.isAtMost(page.items.length, request.limit)
    found.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  return found
})

const positionOf = (user: FoundUser, column: string): string | number => {
  if (column === "email") return user.email
  const time = column === "created_at" ? user.createdAt : user.lastLoginAt
  return time === null ? Number.NEGATIVE_INFINITY : DateTime.toEpochMillis(time)
}

const compare = <A extends string | number>(a: A, b: A): number => (a < b ? -1 : Number(a > b))

/** The order of the list, computed here. */
const inOrder = (users: ReadonlyArray<FoundUser>, sort: UserSort): ReadonlyArray<FoundUser> => {
  const column = sort.replace("-", "")
  const ascending = users.toSorted(
    (a, b) => compare(positionOf(a, column), positionOf(b, column)) || compare<string>(a.id, b.id)
  )
  return sort.startsWith("-") ? ascending.toReversed() : ascending
}

const meets = (user: FoundUser, state: UserState | undefined): boolean =>
  state === undefined ||
  { active: user.isActive, disabled: !user.isActive, unverified: !user.isVerified, suppressed: user.isSuppressed }[
    state
  ]

/** The contract of the user search, over any database. */
export const suite = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>) => {
  it.layer(layerOver(database), { excludeTestServices: true })(`${name}: a search`, (it) => {
    it.effect("finds a user by any spelling of the address, the username in any case, and the phone number", () =>
      Effect.gen(function* () {
        const key = randomUUID().slice(0, 8)
        const id = yield* insert({
          email: `x${key}@bücher.example`,
          email_canonical: `x${key}@xn--bcher-kva.example`,
          username: `Someone.${key}`,
          phone_number: "+49 (30) 1234-567"
        })
        for (const q of [
          `x${key}@bücher.example`,
          `  X${key}@BÜCHER.example `,
          `x${key}@xn--bcher-kva.example`,
          `someone.${key}`,
          `SOMEONE.${key}`,
          "+49301234567",
          "+49 30 1234567"
        ]) {
          assert.deepStrictEqual(yield* idsOf({ q }), [id], q)
        }
      })
    )

    it.effect(
      "finds a user by the ids of the user, a session and a notification, and by a push token in any form",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const id = yield* insert()
          const [session, notification, denied] = [randomUUID(), `n-${randomUUID()}`, `d-${randomUUID()}`]
          const token = randomUUID().replaceAll("-", "").repeat(2)
          yield* sql`
          insert into sessions (id, user_id, refresh_token_hash, created_at, refreshed_at, last_seen_at, expires_at)
          values (${session}, ${id}, sha256('x'), now(), now(), now(), now())`
          yield* sql`
          insert into deliveries (id, notification_id, place, user_id, status, created_at, updated_at)
          values (${randomUUID()}, ${notification}, 0, ${id}, 'sent', now(), now())`
          yield* sql`
          insert into delivery_decisions (notification_id, user_id, channel, category, decision, rule, decided_at, send_at)
          values (${denied}, ${id}, 'email', 'system', 'deny', 'suppressed', now(), now())`
          yield* sql`
          insert into push_tokens (id, user_id, token, token_sha256, platform, token_type, last_used_at, created_at, updated_at)
          values (${randomUUID()}, ${id}, ${token}, sha256(convert_to(${token}::text, 'UTF8')), 'ios', 'apns', now(), now(), now())`
          for (const q of [id, id.toUpperCase(), session, notification, denied, token, `<${token.toUpperCase()}>`]) {
            assert.deepStrictEqual(yield* idsOf({ q }), [id], q)
          }
          assert.deepStrictEqual(yield* idsOf({ q: randomUUID() }), [])
        })
    )

    it.effect("takes a text for a prefix only if no user has it as a value", () =>
      Effect.gen(function* () {
        const key = randomUUID().slice(0, 8)
        const exact = yield* insert({ username: key })
        const byUsername = yield* insert({ username: `${key}.B` })
        const byEmail = yield* insert({ email: `${key.slice(0, 7)}%_@example.org` })
        assert.deepStrictEqual(yield* idsOf({ q: key }), [exact])
        // The filter does not make it a prefix.
        assert.deepStrictEqual(yield* idsOf({ q: key, state: "disabled" }), [])
        assert.sameMembers(yield* idsOf({ q: key.slice(0, 7).toUpperCase() }), [exact, byUsername, byEmail])
        // No character is a wildcard.
        assert.deepStrictEqual(yield* idsOf({ q: `${key.slice(0, 7)}%_` }), [byEmail])
        assert.deepStrictEqual(yield* idsOf({ q: `${key.slice(0, 6)}%` }), [])
      })
    )

    it.effect("shows what staff needs to know of each user, and a suppression only of the present address", () =>
      Effect.gen(function* () {
        const at = new Date("2026-01-02T03:04:05.678Z")
        const id = yield* insert({
          phone_number: "+1 2",
          role: "support",
          is_active: false,
          is_verified: false,
          created_at: at,
          last_login_at: at
        })
        const [user] = (yield* search({ q: id })).items
        assert.deepInclude(user, {
          email: Email.make(`${id}@example.org`),
          username: Username.make(id),
          phoneNumber: PhoneNumber.make("+1 2"),
          role: "support",
          isActive: false,
          isVerified: false,
          isSuppressed: false,
          createdAt: DateTime.fromDateUnsafe(at),
          lastLoginAt: DateTime.fromDateUnsafe(at)
        })
        const isSuppressed = Effect.map(search({ q: id }), ({ items }) => items[0]?.isSuppressed)
        yield* suppress(id, "another@example.org")
        assert.isFalse(yield* isSuppressed)
        yield* SqlClient.SqlClient.use((sql) => sql`delete from suppressions where user_id = ${id}`)
        yield* suppress(id)
        assert.isTrue(yield* isSuppressed)
      })
    )

    it.effect("refuses a cursor of another filter or order, and a text that is no cursor", () =>
      Effect.gen(function* () {
        yield* Effect.replicateEffect(insert(), 3)
        const { nextCursor } = yield* search({ limit: 1 })
        const cursor = nextCursor ?? ""
        assert.isNotEmpty(cursor)
        assert.lengthOf((yield* search({ limit: 2, cursor })).items, 2)
        const encode = (payload: unknown) => Buffer.from(JSON.stringify(payload)).toString("base64url")
        const [scope, value, id] = JSON.parse(Buffer.from(cursor, "base64url").toString())
        for (const request of [
          { cursor, q: "a" },
          { cursor, state: "active" },
          { cursor, role: "admin" },
          { cursor, sort: "created_at" },
          { cursor: "" },
          { cursor: "%" },
          { cursor: "bm9uZQ" },
          { cursor: `${cursor}A` },
          { cursor: encode([scope, value]) },
          { cursor: encode([scope, "x", id]) },
          { cursor: encode([scope, "9".repeat(17), id]) },
          { cursor: encode([scope, null, id]) },
          { cursor: encode([scope, value, "id"]) }
        ] satisfies ReadonlyArray<Partial<UserSearchRequest>>) {
          const error = yield* Effect.flip(search(request))
          assert.strictEqual(error._tag, "CursorInvalid", JSON.stringify(request))
        }
      })
    )
  })

  // Few enough that one page has them all, of which several have equal times, and some never logged in.
  const few = Effect.gen(function* () {
    const times = Array.from({ length: 4 }, (_, n) => new Date(Date.UTC(2026, n)))
    for (let n = 0; n < 40; n++) {
      const lastLoginAt = times[n % 5]
      const id = yield* insert({
        email: `${n % 3 === 0 ? "pa" : "x"}${n}@example.org`,
        username: `${n % 4 === 0 ? "PA" : "y"}${n}`,
        created_at: times[n % 4] ?? new Date(),
        ...(lastLoginAt === undefined ? {} : { last_login_at: lastLoginAt }),
        ...(n % 7 === 0 ? { role: Role.literals[n % 3] ?? "viewer" } : {}),
        is_active: n % 6 !== 0,
        is_verified: n % 5 !== 0
      })
      if (n % 4 === 1) yield* suppress(id)
    }
  })

  it.layer(Layer.provideMerge(Layer.effectDiscard(Effect.orDie(few)), layerOver(database)), {
    excludeTestServices: true
  })(`${name}: the pages of a list`, (it) => {
    const Lists = Schema.Struct({
      sort: UserSort,
      state: Schema.optionalKey(UserState),
      role: Schema.optionalKey(Role),
      q: Schema.optionalKey(Schema.Literals(["pa", "PA3", "nobody", " "])),
      limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 45 }))
    })

    it.effect.prop(
      "have each user that the filter selects exactly once and in order, whatever their size",
      [Lists],
      ([request]) =>
        Effect.gen(function* () {
          const { limit, q = "", role, sort, state } = request
          const everybody = yield* allOf({ limit: 100, sort: "email" })
          assert.lengthOf(everybody, 40)
          const prefix = q.trim().toLowerCase()
          const selected = everybody.filter(
            (user) =>
              meets(user, state) &&
              (role === undefined || user.role === role) &&
              (user.email.startsWith(prefix) || user.username.toLowerCase().startsWith(prefix))
          )
          assert.deepStrictEqual(
            (yield* allOf({ ...request, limit })).map(({ email }) => email),
            inOrder(selected, sort).map(({ email }) => email)
          )
        }),
      { arbitrary: { runs: 150 } }
    )
  })

  const many = 3 * maxSorted

  // Every condition is met by more users than are sorted, and by none of the first in each order.
  const frequent = SqlClient.SqlClient.use((sql) =>
    sql.withTransaction(
      Effect.gen(function* () {
        yield* sql`set local statement_timeout = 0`
        yield* sql`
          insert into users (id, email, email_canonical, username, password_hash, created_at, updated_at, last_login_at, is_active,
            is_verified, role)
          select gen_random_uuid(), name || n || '@example.org', name || n || '@example.org', name || n, '', at, at, at,
            not is_rare, not is_rare, case when is_rare then 'viewer' end
          from (
            select n, n between ${many} and ${2 * many - 1} as is_rare, timestamptz '2026-01-01' + n * interval '1 second' as at
            from generate_series(1, ${maxPassed + 2 * many}::int) n
          ) as numbered, lateral (select case when is_rare then 'rare' else 'other' end as name) as named`
        yield* sql`
          insert into suppressions (user_id, email, reason, created_at)
          select id, email, 'complaint', now() from users where not is_active`
        yield* sql`analyze users`
      })
    )
  )

  it.layer(Layer.provideMerge(Layer.effectDiscard(Effect.orDie(frequent)), layerOver(database)), {
    excludeTestServices: true
  })(`${name}: a list of which too many users meet each condition to be sorted`, (it) => {
    it.effect("has each user exactly once and in order, also where a page passes over as many users as it may", () =>
      Effect.gen(function* () {
        const lists: ReadonlyArray<Partial<UserSearchRequest>> = [
          { q: "rare" },
          { state: "disabled" },
          { state: "unverified" },
          { state: "suppressed" },
          { role: "viewer" },
          { q: "rare", state: "suppressed", role: "viewer" }
        ]
        for (const list of lists) {
          for (const sort of ["-created_at", "last_login", "-email"] as const) {
            const found = yield* allOf({ ...list, sort, limit: 1999 })
            assert.lengthOf(found, many, JSON.stringify({ list, sort }))
            assert.deepStrictEqual(
              found.map(({ id }) => id),
              inOrder(found, sort).map(({ id }) => id)
            )
            assert.strictEqual(new Set(found.map(({ id }) => id)).size, many)
          }
        }
      })
    )

    it.effect("may have an empty page before its first user, but not if it is in the order of a prefix", () =>
      Effect.gen(function* () {
        const first = yield* search({ state: "disabled", sort: "-created_at", limit: 10 })
        assert.lengthOf(first.items, 0)
        assert.isNotNull(first.nextCursor)
        assert.lengthOf((yield* search({ q: "rare", sort: "email", limit: 10 })).items, 10)
      })
    )
  })
}

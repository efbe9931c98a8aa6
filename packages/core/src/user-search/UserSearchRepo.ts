// The statements of the user search, and why none of them reads a table from end to end (decision 0041).
import { Role } from "@user-service/domain/Role"
import { FoundUser, type UserSort, type UserState } from "@user-service/domain/UserSearch"
import { Context, Effect, Layer, Option, Schema, Struct } from "effect"
import { SqlClient, type Statement } from "effect/sql"
import type { RowKey } from "../Cursors.ts"
import * as Columns from "../Columns.ts"
import { onlyRow, type Query, rows } from "../Rows.ts"

/** The values that may identify a user. All are compared with `text`, where its form allows it. */
export interface ExactValues {
  readonly text: string
  /** As typed, without surrounding white space and in lower case, and the result of `canonicalEmail`. */
  readonly email: { readonly spelling: string; readonly canonical: string } | null
  /** Without the characters that only group digits. */
  readonly phoneNumber: string | null
  /** A UUID in lower case. */
  readonly id: string | null
  /** SHA-256 of all spellings of a device token. */
  readonly tokenHashes: ReadonlyArray<Uint8Array>
}

/** A part of a filtered and ordered list of users. */
export interface UserListRequest {
  /** Of e-mail addresses and usernames, in lower case. */
  readonly prefix?: string
  readonly state: UserState | undefined
  readonly role: Role | undefined
  readonly sort: UserSort
  readonly limit: number
  /** The list begins after this row. */
  readonly after: RowKey | undefined
}

/** A part of a list, and the key after which it goes on. */
export interface ListedUsers {
  readonly items: ReadonlyArray<FoundUser>
  readonly next: RowKey | undefined
}

/** A condition that only few users may meet, and that has an index. */
export type RareCondition =
  | { readonly role: Role }
  | { readonly prefix: string }
  | { readonly state: Exclude<UserState, "active"> }

/** How many users one index may contribute to a sorted list. Reading and sorting so many takes milliseconds. */
export const maxSorted = 2000

/** How many users a page may pass over that its filter does not select. */
export const maxPassed = 2000

const UserRow = Schema.Struct({
  id: Columns.userId,
  email: Columns.email,
  username: Columns.username,
  phoneNumber: Schema.NullOr(Columns.phoneNumber),
  role: Schema.NullOr(Role),
  isActive: Schema.Boolean,
  isVerified: Schema.Boolean,
  isSuppressed: Schema.Boolean,
  createdAt: Columns.time,
  lastLoginAt: Schema.NullOr(Columns.time),
  keyValue: Schema.NullOr(Schema.String)
})
type UserRow = typeof UserRow.Type

const PassedRow = Schema.Struct({ ...UserRow.fields, isSelected: Schema.Boolean, isLast: Schema.Boolean })

const candidatesFields = { isWide: Schema.Boolean, isFound: Schema.Boolean }
/** What is known of the candidates, with a user of the page if it has any. */
const CandidateRow = Schema.Union([
  Schema.Struct({ ...UserRow.fields, ...candidatesFields }),
  Schema.Struct({ id: Schema.Null, ...candidatesFields })
])

type Column = "created_at" | "last_login" | "email"

// As in the indexes users_created_at, users_last_login_at and users_email_prefix. A null in a row comparison would end the list.
const orders: { readonly [column in Column]: { readonly order: string; readonly value: string } } = {
  created_at: { order: "u.created_at", value: "(extract(epoch from u.created_at) * 1000000)::bigint::text" },
  last_login: {
    order: "coalesce(u.last_login_at, timestamptz '-infinity')",
    value: "(extract(epoch from u.last_login_at) * 1000000)::bigint::text"
  },
  email: { order: `lower(u.email) collate "C"`, value: "lower(u.email)" }
}

const columns = `u.id, u.email, u.username, u.phone_number, u.role, u.is_active, u.is_verified, u.created_at, u.last_login_at`

const isDescending = (sort: UserSort): boolean => sort.startsWith("-")
const columnOf = (sort: UserSort): Column => (isDescending(sort) ? sort.slice(1) : sort) as Column

// The greatest code point, which no address or name has: all texts with the prefix are before it.
const greatest = "\u{10FFFF}"

/**
 * Lists users in pages by key. Each statement reads at most some thousand rows, all by an index: `listByExactValue` and
 * `listByCondition` the users that meet a rare condition, which they sort; `listInOrder` the users in their order until a page is full.
 */
export class UserSearchRepo extends Context.Service<
  UserSearchRepo,
  {
    /** The users with one of the values. None if there are none at all, whatever the filter. */
    readonly listByExactValue: (values: ExactValues, request: UserListRequest) => Query<Option.Option<ListedUsers>>
    /** None if more than {@link maxSorted} users meet the condition. */
    readonly listByCondition: (condition: RareCondition, request: UserListRequest) => Query<Option.Option<ListedUsers>>
    /** Passes over at most {@link maxPassed} users, and ends the page early then. */
    readonly listInOrder: (request: UserListRequest) => Query<ListedUsers>
  }
>()("@user-service/core/user-search/UserSearchRepo") {
  static readonly layer = Layer.effect(
    UserSearchRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const userColumns = sql.literal(columns)
      const atMost = sql.literal(String(maxSorted))
      const atMostPassed = sql.literal(String(maxPassed))

      // By the expression of the index, or by the column of a subquery that has this order.
      const orderBy = (sort: UserSort, expression = orders[columnOf(sort)].order) => {
        const direction = isDescending(sort) ? "desc" : "asc"
        return sql.literal(`order by ${expression} ${direction}, u.id ${direction}`)
      }

      // The columns of a `UserRow`. The suppression is a scalar subquery, which the planner does not turn into a join.
      const pageColumns = (sort: UserSort) => sql`
        u.id, u.email, u.username, u.phone_number as "phoneNumber", u.role, u.is_active as "isActive",
        u.is_verified as "isVerified", ${isSuppressed} as "isSuppressed", u.created_at as "createdAt",
        u.last_login_at as "lastLoginAt", ${sql.literal(orders[columnOf(sort)].value)} as "keyValue"`

      const isSuppressed = sql.literal(
        "(select s.user_id from suppressions s where s.user_id = u.id and s.email = u.email) is not null"
      )

      const isAfter = ({ after, sort }: UserListRequest) => {
        if (after === undefined) return sql`true`
        const column = columnOf(sort)
        const value =
          column === "email"
            ? sql`${after.value}`
            : sql`coalesce(
                timestamptz 'epoch' + ${after.value}::bigint * interval '1 microsecond', timestamptz '-infinity')`
        const comparison = sql.literal(isDescending(sort) ? "<" : ">")
        return sql`(${sql.literal(orders[column].order)}, u.id) ${comparison} (${value}, ${after.id}::uuid)`
      }

      const hasPrefix = (text: "email" | "username", prefix: string) => {
        const expression = sql.literal(`lower(u.${text}) collate "C"`)
        return sql`(${expression} >= ${prefix} and ${expression} < ${prefix + greatest})`
      }

      const states: { readonly [state in UserState]: Statement.Fragment } = {
        active: sql.literal("u.is_active"),
        disabled: sql.literal("not u.is_active"),
        unverified: sql.literal("not u.is_verified"),
        suppressed: isSuppressed
      }

      const isSelected = ({ prefix, role, state }: UserListRequest) =>
        sql.and([
          sql`true`,
          ...(state === undefined ? [] : [states[state]]),
          ...(role === undefined ? [] : [sql`u.role = ${role}`]),
          ...(prefix === undefined ? [] : [sql`(${hasPrefix("email", prefix)} or ${hasPrefix("username", prefix)})`])
        ])

      const listed = (found: ReadonlyArray<UserRow>, limit: number): ListedUsers => {
        const last = found.length > limit ? found[limit - 1] : undefined
        return {
          items: found.slice(0, limit).map(toFoundUser),
          next: last === undefined ? undefined : keyOf(last)
        }
      }

      // True if there are more than `maxSorted` rows. It reads only an index.
      const isFrequent = (selection: Statement.Fragment) =>
        sql`exists (select 1 from ${selection} limit 1 offset ${sql.literal(String(maxSorted))})`

      /**
       * The page of the candidates, which have the columns of `userColumns`. Under `isWide` there are too many to sort, and their
       * sources must return none (see `unlessWide`).
       */
      const sortCandidates = (isWide: Statement.Fragment, candidates: Statement.Fragment, request: UserListRequest) =>
        Effect.map(
          rows(CandidateRow)(sql`
            with probe as materialized (select ${isWide} as is_wide), candidates as materialized (${candidates})
            select probe.is_wide as "isWide", exists (select from candidates) as "isFound", page.*
            from probe left join lateral (
              select ${pageColumns(request.sort)} from candidates u
              where ${isSelected(request)} and ${isAfter(request)} ${orderBy(request.sort)} limit ${request.limit + 1}
            ) page on true`),
          (found) => ({
            isWide: found[0]?.isWide ?? false,
            isFound: found[0]?.isFound ?? false,
            page: listed(
              found.flatMap((row) => (row.id === null ? [] : [row])),
              request.limit
            )
          })
        )

      // One-time conditions: the planner does not start a scan under a false one.
      const unlessWide = sql.literal("not (select is_wide from probe)")

      const usersOf = (ids: Statement.Fragment) => sql`
        select ${userColumns} from (${ids}) as ids (id)
        cross join lateral (select * from users where id = ids.id offset 0) as u`

      const idsOf = ({ email, id, phoneNumber, text, tokenHashes }: ExactValues): ReadonlyArray<Statement.Fragment> => [
        sql`select id from users where lower(username) = lower(${text})`,
        ...(email === null
          ? []
          : [
              sql`select id from users where lower(email) = ${email.spelling}`,
              sql`select id from users where email_canonical = ${email.canonical}`
            ]),
        ...(phoneNumber === null
          ? []
          : [
              sql`
                (select id from users where translate(phone_number, ' ()-', '') = ${phoneNumber}
                  and phone_number is not null limit ${atMost})`
            ]),
        ...(id === null
          ? []
          : [
              sql`select id from users where id = ${id}::uuid`,
              sql`select user_id from sessions where id = ${id}::uuid`
            ]),
        sql`select user_id from deliveries where notification_id = ${text} and user_id is not null`,
        sql`select user_id from delivery_decisions where notification_id = ${text}`,
        ...(tokenHashes.length === 0
          ? []
          : [sql`select user_id from push_tokens where token_sha256 in ${sql.in(tokenHashes)}`])
      ]

      const usersWith = (condition: Statement.Fragment) =>
        sql`(select ${userColumns} from users u where ${condition} and ${unlessWide} limit ${atMost})`

      const sourceOf = (condition: RareCondition) => {
        if ("prefix" in condition) {
          const [email, username] = [hasPrefix("email", condition.prefix), hasPrefix("username", condition.prefix)]
          return {
            isWide: sql`${isFrequent(sql`users u where ${email}`)} or ${isFrequent(sql`users u where ${username}`)}`,
            // Most users have both.
            candidates: sql`${usersWith(email)} union all ${usersWith(sql`${username} and not ${email}`)}`
          }
        }
        if ("state" in condition && condition.state === "suppressed") {
          return {
            isWide: isFrequent(sql`suppressions`),
            candidates: usersOf(sql`select user_id from suppressions where ${unlessWide} limit ${atMost}`)
          }
        }
        const selected = "role" in condition ? sql`u.role = ${condition.role}` : states[condition.state]
        return { isWide: isFrequent(sql`users u where ${selected}`), candidates: usersWith(selected) }
      }

      // In the order of addresses, those with a prefix are next to each other, and pages would end early until they are reached.
      const rangeOf = Effect.fnUntraced(function* ({ prefix, sort }: UserListRequest) {
        if (prefix === undefined || columnOf(sort) !== "email") return sql`true`
        const emailHasPrefix = hasPrefix("email", prefix)
        const { isWide } = yield* onlyRow(Schema.Struct({ isWide: Schema.Boolean }))(sql`
          select ${isFrequent(sql`users u where ${emailHasPrefix}`)} as "isWide"`)
        return isWide ? emailHasPrefix : sql`true`
      })

      return {
        listByExactValue: (values, request) => {
          const candidates = usersOf(sql`${sql.join(" union ", false)(idsOf(values))} limit ${atMost}`)
          return Effect.map(sortCandidates(sql`false`, candidates, request), ({ isFound, page }) =>
            isFound ? Option.some(page) : Option.none()
          )
        },

        listByCondition: (condition, request) => {
          const { candidates, isWide } = sourceOf(condition)
          return Effect.map(sortCandidates(isWide, candidates, request), (sorted) =>
            sorted.isWide ? Option.none() : Option.some(sorted.page)
          )
        },

        listInOrder: Effect.fnUntraced(function* (request) {
          const { limit, sort } = request
          const range = yield* rangeOf(request)
          // The last user that a page may pass over is found even if the filter does not select it: the list goes on after it.
          const found = yield* rows(PassedRow)(sql`
            select ${pageColumns(sort)}, coalesce(${isSelected(request)}, false) as "isSelected", u.passed = ${atMostPassed} as "isLast"
            from (
              select u.*, row_number() over (${orderBy(sort, "u.position")}) as passed
              from (
                select ${userColumns}, ${sql.literal(orders[columnOf(sort)].order)} as position from users u
                where ${range} and ${isAfter(request)} ${orderBy(sort)} limit ${atMostPassed}
              ) as u
            ) as u
            where (${isSelected(request)}) or u.passed = ${atMostPassed}
            ${orderBy(sort, "u.position")} limit ${limit + 1}`)
          const selected = found.filter((row) => row.isSelected)
          if (selected.length > limit) return listed(selected, limit)
          const last = found.find((row) => row.isLast)
          return { items: selected.map(toFoundUser), next: last === undefined ? undefined : keyOf(last) }
        })
      }
    })
  )
}

const userFields = Struct.keys(FoundUser.fields)

const toFoundUser = (row: UserRow): FoundUser => new FoundUser(Struct.pick(row, userFields), { disableChecks: true })

const keyOf = ({ id, keyValue }: UserRow): RowKey => ({ value: keyValue, id })

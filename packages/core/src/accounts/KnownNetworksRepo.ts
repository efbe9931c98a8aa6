import type { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { knownNetworkRetention } from "../KnownNetworkRetention.ts"
import type { Origin } from "../Origin.ts"
import { onlyRow, type Query } from "../Rows.ts"

/** The keyed hashes of the origin of a request, and the network that older releases stored in the clear. */
export interface HashedOrigin {
  readonly address: Uint8Array
  readonly network: Uint8Array
  readonly userAgent: Uint8Array
  readonly origin: Origin
}

const NoticeRow = Schema.Struct({ isNoticeDue: Schema.Boolean })

/** The statements on the networks and user agents of accounts. They run in the caller's transaction. */
export class KnownNetworksRepo extends Context.Service<
  KnownNetworksRepo,
  {
    /** Updates when the origin was last seen. */
    readonly record: (userId: UserId, hashed: HashedOrigin, now: DateTime.Utc) => Query<void>
    /**
     * Also returns whether a notice of a new device is due, and stores that it was sent. The caller holds the lock of the user,
     * so that concurrent logins from one network send one notice. `users.last_login_at` must still be that of the previous login.
     */
    readonly recordLogin: (userId: UserId, hashed: HashedOrigin, now: DateTime.Utc) => Query<boolean>
    readonly remove: (userId: UserId) => Query<void>
  }
>()("@user-service/core/accounts/KnownNetworksRepo") {
  static readonly layer = Layer.effect(
    KnownNetworksRepo,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const originRows = ({ address, network, userAgent }: HashedOrigin) => sql`
        (values ('address', ${address}::bytea), ('network', ${network}::bytea), ('user_agent', ${userAgent}::bytea))
          as origin (kind, hash)`

      const record = (userId: UserId, hashed: HashedOrigin, now: DateTime.Utc) =>
        Effect.asVoid(sql`
          insert into known_networks (user_id, kind, hash, last_seen_at)
          select ${userId}::uuid, origin.kind, origin.hash, ${DateTime.toDate(now)}::timestamptz
          from ${originRows(hashed)}
          on conflict (user_id, kind, hash) do update set last_seen_at = excluded.last_seen_at`)

      // Older releases stored networks in the clear, and IPv6 addresses with or without their /64.
      const isOldAddress = ({ network }: Origin) =>
        network.includes(":")
          ? sql`case when a.ip ~ '^[0-9a-f.]*:[0-9a-f:.]*$'
              then network(set_masklen(a.ip::inet, 64))::text else a.ip end = ${network}::text`
          : sql`starts_with(a.ip, ${network.slice(0, network.lastIndexOf(".") + 1)}::text)`

      const recordLogin = Effect.fnUntraced(function* (userId: UserId, hashed: HashedOrigin, now: DateTime.Utc) {
        const at = sql`${DateTime.toDate(now)}::timestamptz`
        const knownSince = DateTime.toDate(DateTime.subtractDuration(now, knownNetworkRetention))
        const { isNoticeDue } = yield* onlyRow(NoticeRow)(sql`
          with seen as materialized (
            select kind, hash, noticed_at from known_networks
            where user_id = ${userId} and last_seen_at > ${knownSince}
          ), old as materialized (
            select ${isOldAddress(hashed.origin)} as is_same from login_addresses a where a.user_id = ${userId}
          ), notice as materialized (
            select (exists (select from seen) or exists (select from old) or exists (
                select from users where id = ${userId} and last_login_at is not null
              ))
              and not exists (select from seen where kind = 'network' and hash = ${hashed.network})
              and not exists (select from old where is_same)
              and not exists (
                select from seen where kind = 'user_agent' and hash = ${hashed.userAgent}
                  and noticed_at > ${at} - interval '1 day'
              ) as is_due
          ), written as (
            insert into known_networks as k (user_id, kind, hash, last_seen_at, noticed_at)
            select ${userId}::uuid, origin.kind, origin.hash, ${at},
              case when origin.kind = 'user_agent' and is_due then ${at} end
            from notice, ${originRows(hashed)}
            on conflict (user_id, kind, hash) do update set
              last_seen_at = excluded.last_seen_at, noticed_at = coalesce(excluded.noticed_at, k.noticed_at)
          )
          select is_due as "isNoticeDue" from notice`)
        return isNoticeDue
      })

      const remove = (userId: UserId) =>
        Effect.asVoid(sql`
          with old as (delete from login_addresses where user_id = ${userId})
          delete from known_networks where user_id = ${userId}`)

      return { record, recordLogin, remove }
    })
  )
}

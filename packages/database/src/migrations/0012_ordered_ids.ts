import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/** What a statement writes on its own has its ids from here (RFC 9562, section 5.7), in the order of their time. */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  // A version 4 with the time in its first 48 bits; two bits more make its version a 7.
  yield* sql`
    create function uuid_v7() returns uuid language sql volatile as $$
      select encode(
        set_bit(
          set_bit(
            overlay(
              uuid_send(gen_random_uuid())
              placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
              from 1 for 6
            ), 52, 1
          ), 53, 1
        ), 'hex'
      )::uuid
    $$`
  yield* sql`alter table outbox alter column id set default uuid_v7()`
  yield* sql`alter table audit_log alter column id set default uuid_v7()`
})

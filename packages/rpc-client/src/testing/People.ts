import { Context, type Effect, type Redacted } from "effect"
import type { NewTestUser, TestUser } from "./TestUsers.ts"

/** People who come and go, wherever the client finds them. */
export class People extends Context.Service<
  People,
  {
    readonly add: (user?: NewTestUser) => Effect.Effect<TestUser>
    readonly logOut: (accessToken: Redacted.Redacted<string>) => Effect.Effect<void>
  }
>()("@user-service/rpc-client/testing/People") {}

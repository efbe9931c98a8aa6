import { HttpApi, OpenApi } from "effect/http-api"
import { AccountsApi } from "./AccountsApi.ts"
import { HealthApi } from "./HealthApi.ts"
import { PreferencesApi } from "./PreferencesApi.ts"
import { ProfilesApi } from "./ProfilesApi.ts"
import { PushTokensApi } from "./PushTokensApi.ts"
import { SessionsApi } from "./SessionsApi.ts"

/** Everything the service answers over HTTP in the envelope. */
export class UserServiceApi extends HttpApi.make("user-service")
  .add(AccountsApi, SessionsApi, ProfilesApi, PreferencesApi, PushTokensApi, HealthApi)
  .annotate(HttpApi.ParseOptions, { errors: "all" })
  .annotateMerge(
    OpenApi.annotations({
      title: "User Service",
      version: "1.0.0",
      description: "Who a user is, how they want to be reached, and where."
    })
  ) {}

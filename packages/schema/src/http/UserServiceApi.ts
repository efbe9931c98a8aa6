import { HttpApi, OpenApi } from "effect/http-api"
import { AccountsApi } from "./AccountsApi.ts"
import { DeliveriesApi } from "./DeliveriesApi.ts"
import { HealthApi } from "./HealthApi.ts"
import { InternalApi } from "./InternalApi.ts"
import { PreferencesApi } from "./PreferencesApi.ts"
import { ProfilesApi } from "./ProfilesApi.ts"
import { PushTokensApi } from "./PushTokensApi.ts"
import { SessionsApi } from "./SessionsApi.ts"

// What holds for every operation, and so is said once.
const conventions = `Who a user is, how they want to be reached, and where.

Every answer in JSON has one envelope: \`success\`, \`message\`, \`data\`, \`error\` and \`meta\`, the page of a list. A failure also has
\`code\`, a word that does not change, and where fields of the input are wrong \`data\` names every one of them.

Requests are judged in this order: route, method, credentials, media type and size, JSON, fields. A path that does not exist
answers 404 \`not_found\`, and a method that the path does not take answers 405 \`method_not_allowed\` with \`Allow\`. A request whose
head is too large answers 431, and one that takes too long to arrive 408. All of these are in the envelope of a failure.

Every path answers with and without the slash at its end, in the same way and without a redirect, whichever of the two this
document shows. It has no other spelling: in another letter case, or with a letter or digit percent-encoded, it does not exist.

A body is JSON in UTF-8: other bytes answer 400, another \`charset\` or a \`Content-Encoding\` 415. Fields that are not known are
ignored.

Ids are UUIDs; times are RFC 3339 in UTC. \`X-Request-Id\` is taken from the request where it is 1 to 128 printable ASCII
characters, else made, and is on every answer and in every log line. \`traceparent\` is honoured.`

/** Everything the service answers over HTTP in the envelope. */
export class UserServiceApi extends HttpApi.make("user-service")
  .add(AccountsApi, SessionsApi, ProfilesApi, PreferencesApi, PushTokensApi, DeliveriesApi, InternalApi, HealthApi)
  .annotate(HttpApi.ParseOptions, { errors: "all" })
  .annotateMerge(
    OpenApi.annotations({
      title: "User Service",
      version: "1.0.0",
      license: { name: "MIT", identifier: "MIT" },
      servers: [{ url: "/", description: "This server" }],
      description: conventions
    })
  ) {}

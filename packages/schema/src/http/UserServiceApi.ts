import { HttpApi, OpenApi } from "effect/http-api"
import { AccountsApi } from "./AccountsApi.ts"
import { AuditApi } from "./admin/AuditApi.ts"
import { StaffActsApi } from "./admin/StaffActsApi.ts"
import { StaffOperationsApi } from "./admin/StaffOperationsApi.ts"
import { StaffSessionApi } from "./admin/StaffSessionApi.ts"
import { StaffUsersApi } from "./admin/StaffUsersApi.ts"
import { UserSearchApi } from "./admin/UserSearchApi.ts"
import { WhyApi } from "./admin/WhyApi.ts"
import { DeliveriesApi } from "./DeliveriesApi.ts"
import { ExportsApi } from "./ExportsApi.ts"
import { HealthApi } from "./HealthApi.ts"
import { InternalApi } from "./InternalApi.ts"
import { PreferencesApi } from "./PreferencesApi.ts"
import { ProfilesApi } from "./ProfilesApi.ts"
import { PushTokensApi } from "./PushTokensApi.ts"
import { RecoveryApi } from "./RecoveryApi.ts"
import { SessionsApi } from "./SessionsApi.ts"

const conventions = `Accounts, notification preferences and push tokens of users.

Every JSON response has one envelope: \`success\`, \`message\`, \`data\`, \`error\` and \`meta\`, which describes the page of a list. A
failure also has \`code\`, which does not change between versions. If fields of the input are invalid, \`data\` lists all of them.

A request is checked in this order: route, method, credentials, media type and size, JSON, fields. An unknown path answers 404
\`not_found\`, and a method that the path does not support answers 405 \`method_not_allowed\` with \`Allow\`. A request whose headers
are too large answers 431, and one that takes too long to arrive 408. All of these responses have the envelope of a failure. Under
\`/u/\`, where people follow links, unknown paths and methods answer with a page.

Every path answers with and without the slash at its end, in the same way and without a redirect, whichever of the two this
document shows. Paths are case-sensitive, and a path with percent-encoded letters or digits does not exist.

A body is JSON in UTF-8: other bytes answer 400, another \`charset\` or a \`Content-Encoding\` 415. Unknown fields are ignored.

Ids are UUIDs; times are RFC 3339 in UTC. The server uses the \`X-Request-Id\` of the request if it has 1 to 128 printable ASCII
characters, and otherwise generates one. Every response and every log line has it. \`traceparent\` continues the client's trace.`

/** The HTTP API: all endpoints that answer with the envelope. */
export class UserServiceApi extends HttpApi.make("user-service")
  .add(
    AccountsApi,
    SessionsApi,
    ProfilesApi,
    PreferencesApi,
    PushTokensApi,
    RecoveryApi,
    DeliveriesApi,
    ExportsApi,
    InternalApi,
    StaffActsApi,
    StaffSessionApi,
    StaffUsersApi,
    StaffOperationsApi,
    WhyApi,
    UserSearchApi,
    AuditApi,
    HealthApi
  )
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

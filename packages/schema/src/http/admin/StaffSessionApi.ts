import { Role } from "@user-service/domain/Role"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { success } from "../../Envelope.ts"
import { Failures } from "../../Failures.ts"
import { Timestamp } from "../../Timestamp.ts"
import { UserBody, userExample } from "../../User.ts"
import { LoginInput } from "../AccountsApi.ts"
import { describeOperation } from "../OperationDescription.ts"
import { HashesPassword } from "../RouteFacts.ts"
import { Validation } from "../Validation.ts"
import { RequiredRole, StaffAuthentication } from "./StaffAuthentication.ts"

export const StaffSessionBody = Schema.Struct({
  user: UserBody,
  role: Role,
  expires_at: Timestamp.annotateKey({
    description: "When the session ends. It ends earlier if it is not used for 30 minutes."
  })
}).annotate({
  identifier: "StaffSession",
  description: "A member of staff and the end of their session.",
  examples: [{ user: userExample, role: "support", expires_at: "2026-11-24T22:02:00.000Z" }]
})

/** The sessions of the console. */
export class StaffSessionApi extends HttpApiGroup.make("admin-session")
  .add(
    HttpApiEndpoint.post("login", "/session/", {
      payload: LoginInput,
      success: success("Login successful", StaffSessionBody),
      error: [Failures.InvalidCredentials, Failures.RateLimited, Failures.ServiceUnavailable]
    })
      .annotate(HashesPassword, true)
      .annotateMerge(
        describeOperation({
          id: "openStaffSession",
          summary: "Sign in to the console",
          description:
            "Sets the cookie `__Host-console`, which is valid only together with the header `X-Console: 1`. A user without a " +
            "role receives the same response as for a wrong password. The limits of logins apply.",
          example: { email: "ada@example.com", password: "correct horse battery staple" }
        })
      ),
    HttpApiEndpoint.get("current", "/session/", {
      success: success("Session retrieved successfully", StaffSessionBody),
      error: [Failures.UserNotFound, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "getStaffSession",
          summary: "Read the current session",
          description: "The member of staff, their role, and the end of the session."
        })
      )
      .middleware(StaffAuthentication),
    HttpApiEndpoint.delete("end", "/session/", {
      success: HttpApiSchema.NoContent.annotate({ description: "The session has ended." }),
      error: Failures.ServiceUnavailable
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "endStaffSession",
          summary: "Sign out of the console",
          description: "Ends the session of this request and removes the cookie."
        })
      )
      .middleware(StaffAuthentication)
  )
  .middleware(Validation)
  .prefix("/api/v1/admin")
  .annotateMerge(
    OpenApi.annotations({
      title: "Staff: session",
      description:
        "Sign in to the console. All other routes of staff also accept an access token; without a role they answer 404."
    })
  ) {}

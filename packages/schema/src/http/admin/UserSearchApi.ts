import { Role } from "@user-service/domain/Role"
import { textUpTo } from "@user-service/domain/Text"
import { UserSort, UserState } from "@user-service/domain/UserSearch"
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { successCursorPage } from "../../Envelope.ts"
import { Failures } from "../../Failures.ts"
import { FoundUserBody } from "../../FoundUser.ts"
import { describeOperation } from "../OperationDescription.ts"
import { Validation } from "../Validation.ts"
import { RequiredRole, StaffAuthentication } from "./StaffAuthentication.ts"

const limitProblem = { message: "Must be an integer between 1 and 100." }

export const UserSearchInput = Schema.Struct({
  q: Schema.optionalKey(
    textUpTo(4096).annotateKey({
      description:
        "An e-mail address, username, phone number, the id of a user, session or notification, or a push token. If no user " +
        "has it: the beginning of e-mail addresses and usernames."
    })
  ),
  state: Schema.optionalKey(UserState),
  role: Schema.optionalKey(Role),
  sort: Schema.optionalKey(
    UserSort.annotateKey({
      description:
        "With `-` the greatest first. Users who never logged in are before all others. Default: `-created_at`."
    })
  ),
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }, limitProblem))),
  cursor: Schema.optionalKey(
    Schema.String.annotateKey({ description: "The `next_cursor` of the previous page of the same search." })
  )
}).annotate({ identifier: "UserSearchInput", description: "What to search. Without fields, all users." })

/** The search of users. It is a POST, so that no address and no token is part of a URL. */
export class UserSearchApi extends HttpApiGroup.make("admin-search")
  .add(
    HttpApiEndpoint.post("search", "/users/search/", {
      payload: UserSearchInput,
      success: successCursorPage("Users retrieved successfully", FoundUserBody),
      error: [Failures.CursorInvalid, Failures.ServiceUnavailable]
    })
      .annotate(RequiredRole, "viewer")
      .annotateMerge(
        describeOperation({
          id: "searchUsers",
          summary: "Search users",
          description:
            "A page may have fewer users than `limit`, even none, and still a `next_cursor`: a page reads a bounded number of " +
            "users, and the search goes on from there. In the order of `email`, the beginning that more than 2,000 addresses " +
            "have is searched in addresses only. Role: viewer.",
          example: { q: "ada", state: "unverified", sort: "-last_login", limit: 20 }
        })
      )
  )
  .middleware(Validation)
  .middleware(StaffAuthentication)
  .prefix("/api/v1/admin")
  .annotateMerge(OpenApi.annotations({ title: "Staff: search", description: "The search of users." })) {}

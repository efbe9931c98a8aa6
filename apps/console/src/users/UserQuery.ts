import type { UserRecordBody } from "@user-service/schema/UserRecord"
import { queryOptions } from "@tanstack/react-query"
import { api, run } from "../api/Client.ts"

/** A user as the admin API shows them. */
export type UserView = typeof UserRecordBody.Type

export const userQuery = (id: string) =>
  queryOptions({
    queryKey: ["users", id],
    queryFn: ({ signal }) => run(api["admin-users"].find({ params: { id } }), signal)
  })

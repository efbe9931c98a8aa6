import { queryOptions } from "@tanstack/react-query"
import { api, run } from "../api/Client.ts"

/** The member of staff who is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => run(api["admin-session"].current({}), signal),
  // The service checks the role again with each request; this one only selects what the page offers.
  staleTime: 60_000
})

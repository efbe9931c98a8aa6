import { useQuery } from "@tanstack/react-query"
import { Link } from "@tanstack/react-router"
import { ApiFailure } from "../api/ApiFailure.ts"
import { userQuery } from "./UserQuery.ts"

/** A link to a user, by the address as soon as it is known. A user who does not exist has none. */
export const UserLink = ({ id }: { id: string }) => {
  const { data, error } = useQuery(userQuery(id))
  if (error instanceof ApiFailure && error.status === 404) {
    return (
      <>
        <code>{id}</code> <span className="soft">does not exist, or was erased</span>
      </>
    )
  }
  return (
    <Link to="/users/$id" params={{ id }}>
      {data === undefined ? <code>{id}</code> : data.user.email}
    </Link>
  )
}

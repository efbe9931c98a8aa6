import { useRouteContext } from "@tanstack/react-router"
import { useTitle } from "../ui/Title.ts"

/** The page after signing in. */
export const HomePage = () => {
  useTitle("Start")
  const { session } = useRouteContext({ from: "/staff" })
  return (
    <>
      <h1>Welcome, {session.user.profile.full_name}</h1>
      <p>Your role is {session.role}.</p>
    </>
  )
}

import { useNavigate, useRouteContext, useSearch } from "@tanstack/react-router"
import { type FormEvent, useState } from "react"
import { Form } from "react-aria-components/Form"
import { Button } from "../ui/Button.tsx"
import { Field } from "../ui/Field.tsx"
import { useTitle } from "../ui/Title.ts"

/** The page after signing in. It opens the user with an id. */
export const HomePage = () => {
  useTitle("Start")
  const { session } = useRouteContext({ from: "/staff" })
  const { notice } = useSearch({ from: "/staff/" })
  const navigate = useNavigate()
  const [id, setId] = useState("")
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void navigate({ to: "/users/$id", params: { id: id.trim().toLowerCase() } })
  }
  return (
    <>
      <h1>Welcome, {session.user.profile.full_name}</h1>
      {notice === "erased" ? <output className="done">The user is erased.</output> : null}
      <Form className="card opener" onSubmit={submit}>
        <Field
          label="Id of a user"
          name="id"
          hint="From a ticket, a log line or an event."
          isRequired
          autoComplete="off"
          value={id}
          onChange={setId}
        />
        <Button look="primary" type="submit">
          Open
        </Button>
      </Form>
    </>
  )
}

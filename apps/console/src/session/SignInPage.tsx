import { LoginInput } from "@user-service/schema/http/AccountsApi"
import { Effect } from "effect"
import { useMutation, useQueryClient } from "@tanstack/react-query"
import { useRouter, useSearch } from "@tanstack/react-router"
import { type FormEvent, useState } from "react"
import { Form } from "react-aria-components/Form"
import { type ApiFailure, decodeInput } from "../api/ApiFailure.ts"
import { api, run } from "../api/Client.ts"
import { ThemeButton } from "../shell/ThemeButton.tsx"
import { Button } from "../ui/Button.tsx"
import { Field } from "../ui/Field.tsx"
import { useFieldErrors } from "../ui/FieldErrors.ts"
import { FailureText } from "../ui/States.tsx"
import { useTitle } from "../ui/Title.ts"
import { returnPath } from "./ReturnPath.ts"
import { sessionQuery } from "./SessionQuery.ts"

const endings = {
  true: "Your session has ended. Sign in to go on where you were.",
  all: "All sessions of all users have ended, also yours.",
  role: "Your account has no role any more. Sign in with an account that has one."
} as const

/** The page where members of staff sign in. It leads to the page that the link was for. */
export const SignInPage = () => {
  useTitle("Sign in")
  const { ended, to } = useSearch({ from: "/sign-in" })
  const router = useRouter()
  const queryClient = useQueryClient()
  const [email, setEmail] = useState("")
  const [password, setPassword] = useState("")
  const signIn = useMutation<void, ApiFailure>({
    mutationFn: async () => {
      const session = await run(
        Effect.flatMap(decodeInput(LoginInput)({ email, password }), (payload) =>
          api["admin-session"].login({ payload })
        )
      )
      queryClient.setQueryData(sessionQuery.queryKey, session)
    },
    onSuccess: () => router.navigate({ href: router.basepath + returnPath(to) + location.hash, replace: true }),
    onError: () => setPassword("")
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!signIn.isPending) signIn.mutate()
  }
  const failure = signIn.error
  const { errors, noteChange } = useFieldErrors(failure)
  return (
    <main className="sign-in">
      <div className="card">
        <header>
          <p className="product">User Service</p>
          <h1>Sign in to the console</h1>
          {ended === undefined || failure !== null ? (
            <p className="soft">For members of staff. What you do here is recorded.</p>
          ) : (
            <output className={ended === "all" ? "done" : undefined}>{endings[`${ended}`]}</output>
          )}
        </header>
        <Form validationBehavior="aria" onSubmit={submit} validationErrors={errors}>
          {failure === null || failure.status === 422 ? null : (
            <div className="alert" role="alert">
              {failure.code === "invalid_credentials" ? (
                <p>The e-mail address or the password is wrong, or this account has no role.</p>
              ) : (
                <FailureText failure={failure} />
              )}
            </div>
          )}
          <Field
            label="E-mail address"
            name="email"
            type="email"
            autoComplete="username"
            isRequired
            autoFocus
            value={email}
            onChange={(value) => {
              noteChange("email")
              setEmail(value)
            }}
          />
          <Field
            label="Password"
            name="password"
            type="password"
            autoComplete="current-password"
            isRequired
            value={password}
            onChange={(value) => {
              noteChange("password")
              setPassword(value)
            }}
          />
          <Button look="primary" type="submit" isBusy={signIn.isPending}>
            {signIn.isPending ? "Signing in …" : "Sign in"}
          </Button>
        </Form>
      </div>
      <ThemeButton />
    </main>
  )
}

// Two comforts that forms work without: to see a password, and to copy the recovery codes.
for (const field of document.querySelectorAll("input[type=password]")) {
  const box = document.createElement("span");
  box.className = "secret";
  field.replaceWith(box);
  const eye = document.createElement("button");
  eye.type = "button";
  eye.className = "reveal";
  eye.textContent = "Show";
  eye.setAttribute("aria-controls", field.id);
  eye.setAttribute("aria-pressed", "false");
  eye.addEventListener("click", () => {
    const hidden = field.type === "password";
    field.type = hidden ? "text" : "password";
    eye.textContent = hidden ? "Hide" : "Show";
    eye.setAttribute("aria-pressed", String(hidden));
  });
  box.append(field, eye);
  if (field.autofocus) field.focus();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const items = document.querySelectorAll(`${button.dataset.copy} li`);
    await navigator.clipboard.writeText([...items].map((item) => item.textContent.trim()).join("\n"));
    button.textContent = "Copied";
  });
}

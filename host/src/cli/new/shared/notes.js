// The page: shows the notes, adds and deletes them.

const list = document.querySelector('ul');
const status = document.querySelector('[role=status]');

/** Sends a request. Returns the answer's JSON, or throws with the title of the problem. */
async function send(method, path, body) {
  const headers = body ? { 'content-type': 'application/json' } : {};
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  const json = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Error(json?.title ?? answer.statusText);
  return json;
}

async function show() {
  const notes = await send('GET', '/notes');
  list.replaceChildren(...notes.map((note) => {
    const item = document.createElement('li');
    const text = document.createElement('span');
    text.textContent = note.text;
    const button = document.createElement('button');
    button.textContent = 'Delete';
    button.ariaLabel = `Delete ${note.text}`;
    button.onclick = () => run(() => send('DELETE', `/notes/${note.id}`));
    item.append(text, button);
    return item;
  }));
}

async function run(change) {
  try {
    await change();
    status.textContent = '';
  } catch (error) {
    status.textContent = error.message;
  }
  await show();
}

document.querySelector('form').onsubmit = (event) => {
  event.preventDefault();
  const form = event.target;
  run(async () => {
    await send('POST', '/notes', { text: form.text.value });
    form.reset();
  });
};

run(async () => {});

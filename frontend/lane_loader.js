// Starts the worker that runs one lane, from the module that the page has loaded and compiled already.
onmessage = async ({ data: [script, module] }) => {
  onmessage = null;
  const { default: start } = await import(script);
  await start({ module_or_path: module });
};

{{name}}

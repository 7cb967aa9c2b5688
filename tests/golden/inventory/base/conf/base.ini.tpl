port={{port}}
